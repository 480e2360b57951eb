create table products (
  sku text primary key,
  title text not null,
  price_cents integer not null
);
insert into products (sku, title, price_cents) values
  ('lamp', 'Desk lamp', 4990),
  ('bulb', 'LED bulb', 350),
  ('desk', 'Standing desk', 39900),
  ('chair', 'Office chair', 15900),
  ('vase', 'Glass vase', 2450),
  ('rug', 'Wool rug', 12900),
  ('clock', 'Wall clock', 2990);
create table enriched_orders (
  order_id text primary key,
  customer text not null,
  country text not null,
  items integer not null,
  full_cents integer not null,
  due_cents integer not null
);
