-- Makes maxwell.tsv: MySQL 5.6, time zone UTC, sql_mode empty, utf8mb4; boot is bootstrapped at the end.
DROP DATABASE IF EXISTS shop; CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop;
CREATE TABLE types (id bigint unsigned NOT NULL PRIMARY KEY, ti tinyint, tu tinyint unsigned, b1 tinyint(1), si smallint, su smallint unsigned, mi mediumint, mu mediumint unsigned,
 i int, iu int unsigned, bi bigint, bu bigint unsigned, z int(8) unsigned zerofill, de decimal(20,4), d0 decimal(10,0), dbig decimal(65,30), f float, d double, bit1 bit(1), bit9 bit(9), bit64 bit(64),
 dt date, dt0 datetime, dt3 datetime(3), dt6 datetime(6), ts0 timestamp NULL, ts6 timestamp(6) NULL, t0 time, t3 time(3), t6 time(6), y year,
 c char(5), vc varchar(20), tx text, lt longtext, l1 varchar(20) CHARACTER SET latin1, bin binary(4), vb varbinary(20), bl blob, en enum('a','b','c'), st set('x','y','z'), pt point, ls linestring, po polygon, geo geometry) ;
INSERT INTO types (id) VALUES (1);
INSERT INTO types VALUES (18446744073709551615,-128,255,1,-32768,65535,-8388608,16777215,-2147483648,4294967295,-9223372036854775808,18446744073709551615,42,12345.6789,-99,12345678901234567890123456789012345.123456789012345678901234567890,1.5,1e100,1,257,9223372036854775807,
 '2024-06-01','2024-06-01 12:34:56','2024-06-01 12:34:56.001','2024-06-01 12:34:56.123456','2038-01-19 03:14:07','2001-02-03 04:05:06.000007','12:34:56','23:59:59.999','00:00:00.000001',2024,
 'ab','Größe €😀','tab\tnewline\nquote"\\ slash','x','äöü€',x'00ff10','\\x00',x'deadbeef00','b','x,z',GeomFromText('POINT(1 2)'),GeomFromText('LINESTRING(0 0,1 1.5)'),GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'),GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))'));
INSERT INTO types (id,dt,dt0,dt6,ts0,ts6,t0,t3,t6,y,en,st,bit1,bit9,bit64,de,f,d,c,bin,vb) VALUES (2,'0000-00-00','0000-00-00 00:00:00','0000-00-00 00:00:00',0,0,'-00:00:01','838:59:59','-838:59:58.999999',1901,'','',0,0,18446744073709551615,-0.0001,-1.17549e-38,2.2250738585072014e-308,'','','');
INSERT INTO types (id,dt,dt0,dt6,ts0,ts6,t0,t6,y,en,st,de,f,d) VALUES (3,'9999-12-31','1000-01-01 00:00:00','9999-12-31 23:59:59.999999','1970-01-01 00:00:01','1970-01-01 00:00:01.5','24:00:00','48:00:00.5',0,'c','x,y,z',0,3.14159,0.1),
 (4,'1582-10-10','1582-10-10 00:00:00','0001-01-01 00:00:00',NULL,NULL,'00:00:00','00:00:00',2155,NULL,NULL,-12345.6789,16777216,123456789.123456789),
 (5,'1900-02-28','1969-12-31 23:59:59','1969-12-31 23:59:59.999999',NULL,NULL,'-12:30:00','-00:00:00.5',1970,'a','y',0.5,0.3333333,1e22);
UPDATE types SET vc='upd', de=NULL, dt6='2020-02-29 00:00:00' WHERE id=18446744073709551615;
UPDATE types SET id=77 WHERE id=3;
DELETE FROM types WHERE id=1;
CREATE TABLE pair (B varchar(10), a int, v varchar(20), PRIMARY KEY (B,a));
BEGIN; INSERT INTO pair VALUES ('k',1,'one'),('k',2,'two'),('K2',3,'three'); UPDATE pair SET v='zwei' WHERE a=2; DELETE FROM pair WHERE a=3; COMMIT;
UPDATE pair SET a=a+10, B='q' WHERE a=1;
BEGIN; INSERT INTO pair VALUES ('roll',9,'x'); ROLLBACK;
CREATE TABLE nokey (x int, y varchar(10)); INSERT INTO nokey VALUES (1,'a'),(1,'a'),(2,NULL); UPDATE nokey SET y='b' WHERE x=1 LIMIT 1; DELETE FROM nokey WHERE x=2;
ALTER TABLE pair ADD COLUMN extra decimal(6,2) AFTER a, ADD COLUMN `the when` datetime NULL;
INSERT INTO pair VALUES ('k',4,9.99,'four','2024-01-01 00:00:00');
ALTER TABLE pair CHANGE v w varchar(40);
UPDATE pair SET w='renamed' WHERE a=4;
CREATE TABLE later (id int primary key); INSERT INTO later VALUES (1),(2); TRUNCATE TABLE later; INSERT INTO later VALUES (3);
CREATE TABLE gone (id int primary key); INSERT INTO gone VALUES (1); DROP TABLE gone; CREATE TABLE gone (id int primary key, v int); INSERT INTO gone VALUES (2,2);
RENAME TABLE gone TO moved; INSERT INTO moved VALUES (3,3);
CREATE TABLE boot (id int primary key, d datetime(3), b blob, ts timestamp NULL, dd date, e enum('a','b'), s set('x','y'), bt bit(4), j text, t time, pt point); 
INSERT INTO boot VALUES (1,'2024-06-01 12:00:00.5',x'00ff','2024-06-01 12:00:00','2024-06-01','a','x,y',5,'{}','12:00:00',GeomFromText('POINT(1 2)')),(2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL),(3,'0000-00-00 00:00:00','x',0,'0000-00-00','','',0,'','10:00:00',NULL);
