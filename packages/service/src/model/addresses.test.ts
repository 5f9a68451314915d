import assert from 'node:assert/strict'
import { isIPv4 } from 'node:net'
import { test } from 'node:test'
import { allBlocks, blockOf, blockSize, endpointAddresses, firstBlock, lastBlock, nodeAddresses } from './addresses.ts'

test('blocks lie beside each other, from 127.64 to 127.255', () => {
  assert.deepEqual(
    allBlocks.map(({ first }) => first),
    Array.from({ length: 48 }, (_, index) => 64 + index * 4),
  )
  assert.equal(lastBlock + blockSize - 1, 255)
  assert.equal(firstBlock, 64)
})

test('every address of a block belongs to it, and to one network of it alone', () => {
  for (const block of [allBlocks[0], allBlocks.at(-1)]) {
    assert.ok(block)
    const networks = [endpointAddresses(block), nodeAddresses(block, 0), nodeAddresses(block, 1), nodeAddresses(block, 2)]
    const all = new Set<string>()
    for (const network of networks) {
      let count = 0
      for (const address of network) {
        count += 1
        assert.ok(isIPv4(address) && !/\.(0|255)$/.test(address), address)
        assert.deepEqual(blockOf(address), block)
        all.add(address)
      }
      assert.equal(count, 256 * 254)
    }
    assert.equal(all.size, 4 * 256 * 254, 'no address stands in two networks')
  }
})

test('the first addresses are the ones that the documents name', () => {
  const block = { first: 64 }
  const firstOf = (addresses: Iterable<string>): string => [...addresses][0] ?? ''
  assert.equal(firstOf(endpointAddresses(block)), '127.64.0.1')
  assert.deepEqual(
    ([0, 1, 2] as const).map((zone) => firstOf(nodeAddresses(block, zone))),
    ['127.65.0.1', '127.66.0.1', '127.67.0.1'],
  )
})

test('addresses of nobody are in no block', () => {
  for (const address of ['127.0.0.1', '127.63.255.254', '10.64.0.1', 'x', '', '127.64.0.1.1', '::1', '127.300.0.1'])
    assert.equal(blockOf(address), null, address)
})
