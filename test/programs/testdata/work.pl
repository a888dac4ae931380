use strict;
use warnings;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX qw(strftime);
use Time::HiRes qw(usleep);

# Processes, signals, a socket, a temporary directory, the databases of /etc.
$| = 1;
my $pid = open(my $child, '-|') // die "fork: $!";
if (!$pid) { print "from the child"; exit 0; }
print "fork ", scalar(<$child>), "\n";
close $child;

local $SIG{ALRM} = sub { print "alarm\n" };
alarm 1;
usleep 3_000_000;

my $server = IO::Socket::INET->new(Listen => 1, LocalAddr => 'localhost', Proto => 'tcp') or die "listen: $!";
if (!fork) {
	my $out = IO::Socket::INET->new(PeerAddr => 'localhost', PeerPort => $server->sockport, Proto => 'tcp') or die;
	print $out "over tcp\n";
	exit 0;
}
my $client = $server->accept;
print "socket ", scalar(<$client>);
wait;

my $dir = tempdir(CLEANUP => 1);
open(my $file, '>', "$dir/a") or die "$!";
print $file "x" x 100_000;
close $file;
print "size ", -s "$dir/a", "\n";

print "login ", (getpwuid($<))[0], " ", scalar(getgrgid((getpwuid($<))[3])), "\n";
print "services ", scalar(getservbyname('https', 'tcp')), " ", scalar(getprotobyname('udp')), "\n";
print strftime("%Y-%m-%d\n", gmtime(0));
