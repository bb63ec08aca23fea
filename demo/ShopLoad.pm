# What goes on in a shop: orders, payments, shipping, returns, carts given up.
package ShopLoad;

use strict;
use warnings;

use Time::HiRes qw(sleep);

# Runs in a process of its own until SIGTERM.
sub run
{
	my ($source, $seed) = @_;
	my $stop = 0;
	local $SIG{TERM} = sub { $stop = 1 };
	srand $seed;
	my $dbh = $source->connect;
	while (!$stop)
	{
		my $ok = eval {
			$dbh->begin_work;
			# Not every cart becomes an order.
			if (one_transaction($dbh)) { $dbh->commit }
			else { $dbh->rollback }
			1;
		};
		if (!$ok)
		{
			my $error = $@;
			die $error if $error !~ /Deadlock|Lock wait timeout|Duplicate entry/;
			$dbh->rollback;
		}
		sleep 0.002 * rand;
	}
	$dbh->disconnect;
	return;
}

# Whether it is to be committed.
sub one_transaction
{
	my ($dbh) = @_;
	my $what = rand;
	my ($last) = $dbh->selectrow_array('SELECT max(id) FROM shop.orders');
	my $order = 1 + int rand($last // 1);
	if ($what < 0.55 || !$last)
	{
		my $lines = 1 + int rand 5;
		$dbh->do("INSERT INTO shop.orders (customer, state, total, placed) VALUES (?, 'cart', 0, now(6))",
			undef, 1 + int rand 5000);
		my $id = $dbh->last_insert_id(undef, undef, undef, undef);
		for my $line (1 .. $lines)
		{
			my $product = 1 + int rand 1000;
			$dbh->do('INSERT INTO shop.order_line SELECT ?, ?, id, ?, price FROM shop.product WHERE id = ?',
				undef, $id, $line, 1 + int rand 4, $product);
			$dbh->do('UPDATE shop.product SET stock = stock - 1 WHERE id = ?', undef, $product);
		}
		$dbh->do('UPDATE shop.orders SET total = (SELECT sum(quantity * price) FROM shop.order_line WHERE orders = ?) WHERE id = ?',
			undef, $id, $id);
		return rand() > 0.1;
	}
	if ($what < 0.8)
	{
		$dbh->do("UPDATE shop.orders SET state = 'paid' WHERE id = ? AND state = 'cart'", undef, $order) > 0 or return 0;
		$dbh->do('INSERT INTO shop.payment (token, orders, amount) SELECT unhex(?), id, total FROM shop.orders WHERE id = ?',
			undef, sprintf('%08x' x 4, map { rand 2**32 } 1 .. 4), $order);
	}
	elsif ($what < 0.9)
	{
		$dbh->do("UPDATE shop.orders SET state = 'shipped' WHERE state = 'paid' AND id BETWEEN ? AND ?",
			undef, $order, $order + 20);
	}
	elsif ($what < 0.95)
	{
		$dbh->do('DELETE FROM shop.order_line WHERE orders = ?', undef, $order);
		$dbh->do('DELETE FROM shop.orders WHERE id = ?', undef, $order);
	}
	else
	{
		$dbh->do('UPDATE shop.customer SET tier = 1 + (tier % 3), email = concat(id, ?) WHERE id = ?',
			undef, '@new.example.org', 1 + int rand 5000);
	}
	return 1;
}

1;
