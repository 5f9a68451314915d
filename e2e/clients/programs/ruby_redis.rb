# ruby-redis: writes to hashes without an end, and prints what it sees.
require "json"
require "redis"

wanted = JSON.parse(ARGV.fetch(0))
place = { host: wanted["host"], port: wanted["port"] }
place[:reconnect_attempts] = [0.01, 0.02, 0.05, 0.1, 0.2] if ARGV[1] == "tuned"
$stdout.sync = true

client =
  case wanted["kind"]
  when "cme"
    require "redis-clustering"
    Redis::Cluster.new(nodes: ["redis://#{place[:host]}:#{place[:port]}"])
  when "tls"
    Redis.new(**place, password: wanted["password"], ssl: true, ssl_params: { ca_file: wanted["ca"] })
  else
    Redis.new(**place)
  end

tell = lambda { |said| puts JSON.generate(said.merge(at: Process.clock_gettime(Process::CLOCK_REALTIME, :float_millisecond))) }

number = 0
loop do
  begin
    client.hset("#{wanted["key"]}:#{number % 8}", number.to_s, "1")
    tell.call({ ok: number })
    number += 1
  rescue Redis::BaseError => e
    tell.call({ error: "#{e.class}: #{e.message}" })
    sleep 0.01
  end
  sleep 0.005
end
