exports.up = (pgm) => {
  pgm.addColumns("orders", { total: { type: "numeric" } });
};
