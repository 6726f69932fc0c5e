class IndexOrdersOnCustomer < ActiveRecord::Migration[8.0]
  def change
    add_index :orders, :customer
  end
end
