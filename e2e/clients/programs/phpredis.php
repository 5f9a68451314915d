<?php
// phpredis: writes to hashes without an end, and prints what it sees.
$wanted = json_decode($argv[1], true);
$tuned = ($argv[2] ?? '') === 'tuned';

function connection(array $wanted, bool $tuned): Redis|RedisCluster
{
    ['host' => $host, 'port' => $port, 'kind' => $kind] = $wanted;
    if ($kind === 'cme') {
        return new RedisCluster(null, ["$host:$port"]);
    }
    $client = new Redis();
    $retry = $tuned ? 100 : 0;
    if ($kind === 'tls') {
        $client->connect("tls://$host", $port, 0, null, $retry, 0, ['stream' => ['cafile' => $wanted['ca']]]);
        $client->auth($wanted['password']);
    } else {
        $client->connect($host, $port, 0, null, $retry);
    }
    return $client;
}

function tell(array $said): void
{
    fwrite(STDOUT, json_encode([...$said, 'at' => microtime(true) * 1000]) . "\n");
}

$client = null;
for ($number = $wanted['first']; ; usleep(5000)) {
    try {
        $client ??= connection($wanted, $tuned);
        // False: the client gives no exception for some of what the server refuses.
        if ($client->hSet($wanted['key'] . ':' . $number % 8, (string) $number, '1') === false) {
            throw new RedisException($client->getLastError() ?? 'false');
        }
        tell(['ok' => $number]);
        $number += 1;
    } catch (RedisException | RedisClusterException $error) {
        tell(['error' => get_class($error) . ': ' . $error->getMessage()]);
        usleep(10000);
        // After ten attempts, which follow each other at once, its object connects no more: a new one is needed.
        if (!$tuned) {
            $client = null;
        }
    }
}
