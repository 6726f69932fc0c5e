-- CreateIndex
CREATE INDEX "Order_customer_idx" ON "Order"("customer");
