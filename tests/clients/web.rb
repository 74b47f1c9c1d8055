# web.rb URL: for each line N on standard input N requests with net/http, each with a connection of its own; prints what
# they get.

require "net/http"

$stdout.sync = true
$stdin.each_line do |line|
  line.to_i.times { print Net::HTTP.get(URI(ARGV[0])) }
end
