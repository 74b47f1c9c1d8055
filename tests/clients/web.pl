# web.pl URL: for each line N on standard input N requests with HTTP::Tiny, each with a connection of its own; prints what
# they get.

use strict;
use warnings;
use HTTP::Tiny;

$| = 1;
my $client = HTTP::Tiny->new(keep_alive => 0);
while (my $count = <STDIN>) {
	for (1 .. $count) {
		my $response = $client->get($ARGV[0]);
		die "$response->{reason}\n" unless $response->{success};
		print $response->{content};
	}
}
