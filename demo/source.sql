-- The shop, as its MariaDB knows it.
CREATE DATABASE shop CHARACTER SET utf8mb4;
CREATE TABLE shop.customer (
    id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name varchar(80) NOT NULL,
    email varchar(120),
    tier enum('basic', 'plus', 'gold') NOT NULL DEFAULT 'basic',
    since timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE shop.product (
    id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    title varchar(120) NOT NULL,
    price decimal(10,2) NOT NULL,
    stock int NOT NULL,
    attributes json,
    tags set('new', 'sale', 'fragile', 'heavy') NOT NULL DEFAULT '');
CREATE TABLE shop.orders (
    id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    customer int unsigned NOT NULL,
    state enum('cart', 'paid', 'shipped', 'returned') NOT NULL,
    total decimal(12,2) NOT NULL,
    placed datetime(6) NOT NULL);
CREATE TABLE shop.order_line (
    orders bigint unsigned NOT NULL,
    line tinyint unsigned NOT NULL,
    product int unsigned NOT NULL,
    quantity smallint NOT NULL,
    price decimal(10,2) NOT NULL,
    PRIMARY KEY (orders, line));
CREATE TABLE shop.payment (
    token binary(16) NOT NULL PRIMARY KEY,
    orders bigint unsigned NOT NULL,
    amount decimal(12,2) NOT NULL,
    paid_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3));
INSERT INTO shop.customer (name, email, tier)
    SELECT concat('Customer ', seq, ' Zoë'), concat('c', seq, '@example.org'), 1 + seq % 3 FROM shop.seq_1_to_5000;
INSERT INTO shop.product (title, price, stock, attributes, tags)
    SELECT concat('Product №', seq), seq % 97 + 0.99, 1000,
           json_object('weight', seq / 8, 'color', elt(1 + seq % 3, 'rot', 'grün', '青')), seq % 16
    FROM shop.seq_1_to_1000;
