import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allNodeTypes, nodeType, scalingTargets } from './node-types.ts'

test('types are found by name; there is none that does not exist', () => {
  assert.equal(nodeType('cache.t4g.micro')?.maxmemory, 536_870_912)
  assert.equal(nodeType('cache.r6g.16xlarge')?.cpus, 64)
  for (const name of ['', 't4g.micro', 'cache.t4g.huge', 'cache.T4G.micro', 'toString']) assert.equal(nodeType(name), null)
  assert.equal(new Set(allNodeTypes.map((type) => type.name)).size, allNodeTypes.length)
})

test('memory and the parameter maxmemory of a type are the same to within a hundredth', () => {
  for (const type of allNodeTypes) {
    const ratio = type.maxmemory / type.memoryBytes
    assert.ok(ratio > 0.97 && ratio < 1.03, `${type.name}: ${ratio}`)
  }
})

test('within a family a larger type has more of everything', () => {
  for (const [index, type] of allNodeTypes.entries()) {
    const next = allNodeTypes[index + 1]
    if (next?.family !== type.family) continue
    assert.ok(next.maxmemory > type.maxmemory && next.cpus >= type.cpus && next.ioThreads >= type.ioThreads, next.name)
  }
})

test('threads for I/O are used from four processors on, and never all of them', () => {
  for (const type of allNodeTypes) {
    if (type.cpus < 4) assert.equal(type.ioThreads, 1, type.name)
    else assert.ok(type.ioThreads > 1 && type.ioThreads < type.cpus, type.name)
  }
})

test('a node can go up to all larger types of this generation, and down to those that hold what is used', () => {
  const { up, down } = scalingTargets('cache.m6g.large', 0)
  assert.ok(up.includes('cache.m6g.xlarge') && up.includes('cache.r7g.large'))
  assert.ok(down.includes('cache.t4g.micro') && down.includes('cache.t3.medium'))
  assert.ok(![...up, ...down].some((name) => /cache\.(t2|m4|r4)\./.test(name)), 'nobody is sent to a previous generation')
  assert.deepEqual(up, [...up].sort())
  assert.ok(!up.includes('cache.m6g.large') && !down.includes('cache.m6g.large'))
  assert.deepEqual(scalingTargets('cache.m6g.large', 2 * 1024 ** 3).down, ['cache.t3.medium', 'cache.t4g.medium'])
  assert.deepEqual(scalingTargets('cache.none.large', 0), { up: [], down: [] })
})
