import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSameCluster, readRedirection, readSlots, urlOf } from './topology.ts'

test('nodes without a name are the one that was asked, those whose name is not known have an address, those that are gone are left out', () => {
  const view = readSlots(
    [
      [0, 99, [null, 7001, 'a', []], ['', 7002, 'b', []]],
      [100, 199, ['?', 7003, 'c', ['ip', '10.0.0.3']], ['?', 7004, 'd']],
      [200, 299, ['host.example', 7005, 'e', ['ip', '10.0.0.5']], ['', 0, 'f', []]],
      [300, 399, ['', 0, 'g', []], ['10.0.0.8', 7008, 'h', []]],
      [400, 499, [Buffer.from('::1'), 7009, Buffer.from('i')]],
    ],
    '10.0.0.1',
  )
  assert.deepEqual(
    view.map(({ from, primary, replicas, ids }) => [from, primary, replicas.join(), ids.join()]),
    [
      [0, '10.0.0.1:7001', '10.0.0.1:7002', 'a,b'],
      [100, '10.0.0.3:7003', '10.0.0.1:7004', 'c,d'],
      [200, 'host.example:7005', '', 'e,f'],
      [400, '::1:7009', '', 'i'],
    ],
  )
})

test('an address becomes a url with the user of the other ones, also where it is one of IPv6', () => {
  assert.equal(urlOf('rediss://u:p%40@a:1/0', 'b.example:2'), 'rediss://u:p%40@b.example:2/0')
  assert.equal(urlOf('redis://[::2]:1', '::1:2'), 'redis://[::1]:2')
  assert.equal(urlOf('redis://[::2]:1', '[::1]:2'), 'redis://[::1]:2')
})

test('redirections are read, with hosts that are left out, unknown or gone', () => {
  const read = (message: string) => readRedirection(message, '10.0.0.1:7001')
  assert.deepEqual(read('MOVED 1 10.0.0.2:7002'), { kind: 'moved', address: '10.0.0.2:7002' })
  assert.deepEqual(read('ASK 1 ::1:7002'), { kind: 'ask', address: '::1:7002' })
  assert.deepEqual(read('MOVED 1 :7002'), { kind: 'moved', address: '10.0.0.1:7002' })
  assert.deepEqual(read('MOVED 1 ?:7002'), { kind: 'moved', address: null })
  assert.deepEqual(read('MOVED 1 :0'), { kind: 'moved', address: null })
  assert.deepEqual(read('TRYAGAIN Multiple keys request during rehashing of slot'), { kind: 'later', address: null })
  assert.equal(read('CLUSTERDOWN The cluster is down'), null)
})

test('a view is of the same cluster where it knows one of those that were known beside the one who gives it', () => {
  const view = (...ids: readonly string[]) => [{ from: 0, to: 1, primary: 'x:1', replicas: [], ids }]
  assert.ok(isSameCluster(new Set(), view('a'), 'a'))
  assert.ok(isSameCluster(new Set(['a']), view('a', 'b'), 'a'))
  assert.ok(isSameCluster(new Set(['a', 'b']), view('a', 'b'), 'a'))
  assert.ok(isSameCluster(new Set(['a', 'b']), view('b', 'c'), 'a'))
  assert.ok(!isSameCluster(new Set(['a', 'b']), view('a', 'c'), 'a'), 'it was taken out and put elsewhere')
  assert.ok(!isSameCluster(new Set(['a', 'b']), view('c', 'd'), 'a'))
  assert.ok(isSameCluster(new Set(['a', 'b']), view('', ''), 'a'), 'servers that say no ids')
})
