import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allNodeTypes, nodeType, scalingTargets } from './node-types.ts'

test('types are found by name; there is none that does not exist', () => {
  assert.equal(nodeType('cache.t4g.micro')?.maxmemory, 536_870_912)
  assert.equal(nodeType('cache.r6g.16xlarge')?.cpus, 64)
  for (const name of ['', 't4g.micro', 'cache.t4g.huge', 'cache.T4G.micro', 'toString']) assert.equal(nodeType(name), null)
  assert.equal(new Set(allNodeTypes.map((type) => type.name)).size, allNodeTypes.length)
})

test('memory and the parameter maxmemory of a type are the same to within a hundredth, but for those that AWS gave less', () => {
  const less = new Set(['t1', 'm1', 'm2', 'c1'])
  for (const type of allNodeTypes) {
    if (less.has(type.family)) {
      assert.ok(type.maxmemory < type.memoryBytes && type.maxmemory > 0.6 * type.memoryBytes, type.name)
      continue
    }
    const ratio = type.maxmemory / type.memoryBytes
    assert.ok(ratio > 0.97 && ratio < 1.03, `${type.name}: ${ratio}`)
  }
})

test('within a family a larger type has more of everything', () => {
  for (const [index, type] of allNodeTypes.entries()) {
    const next = allNodeTypes[index + 1]
    if (next?.family !== type.family) continue
    assert.ok(
      next.maxmemory > type.maxmemory &&
        next.memcachedMegabytes > type.memcachedMegabytes &&
        next.cpus >= type.cpus &&
        next.ioThreads >= type.ioThreads,
      next.name,
    )
  }
})

test('threads for I/O are used from four processors on, and never all of them', () => {
  for (const type of allNodeTypes) {
    if (type.cpus < 4) assert.equal(type.ioThreads, 1, type.name)
    else assert.ok(type.ioThreads > 1 && type.ioThreads < type.cpus, type.name)
  }
})

test('a node can go up to the larger types of this generation, and down to those that hold what is used', () => {
  const { up, down } = scalingTargets('cache.m6g.large', 0)
  assert.ok(up.includes('cache.m6g.xlarge') && up.includes('cache.r7g.large'))
  assert.ok(down.includes('cache.t4g.micro') && down.includes('cache.t3.medium'))
  assert.ok(!up.some((name) => /cache\.(t2|m4|r4)\./.test(name)), 'nobody is sent up to a previous generation')
  assert.deepEqual(up, [...up].sort())
  assert.ok(!up.includes('cache.m6g.large') && !down.includes('cache.m6g.large'))
  assert.deepEqual(scalingTargets('cache.m6g.large', 3.1 * 1024 ** 3).down, ['cache.c8gn.large', 'cache.t2.medium'])
  assert.deepEqual(scalingTargets('cache.none.large', 0), { up: [], down: [] })
})

test('nodes that tier their data go to such nodes alone', () => {
  const { up, down } = scalingTargets('cache.r6gd.4xlarge', 0)
  assert.deepEqual(up, ['cache.r6gd.12xlarge', 'cache.r6gd.16xlarge', 'cache.r6gd.8xlarge'])
  assert.deepEqual(down, ['cache.r6gd.2xlarge', 'cache.r6gd.xlarge'])
  for (const { name } of allNodeTypes.filter(({ family }) => family !== 'r6gd')) {
    const { up: above, down: below } = scalingTargets(name, 0)
    assert.ok(![...above, ...below].some((target) => target.startsWith('cache.r6gd.')), name)
  }
})

test('the answer is that of AWS, as far as its published one goes', () => {
  const known = /^cache\.(t2|t3|m4|m5|r4|r5)\./
  const { up, down } = scalingTargets('cache.r5.xlarge', 0)
  const short = (names: readonly string[]): string =>
    names
      .filter((name) => known.test(name))
      .map((name) => name.slice('cache.'.length))
      .join(' ')
  assert.equal(short(up), 'm5.12xlarge m5.24xlarge m5.4xlarge r5.12xlarge r5.24xlarge r5.2xlarge r5.4xlarge')
  assert.equal(
    short(down),
    'm4.large m4.xlarge m5.2xlarge m5.large m5.xlarge r4.large r4.xlarge r5.large t2.medium t2.micro t2.small t3.medium t3.micro t3.small',
  )
})

test('figures that depend on the type are those of AWS', () => {
  const figures = (name: string): readonly (number | undefined)[] => {
    const type = nodeType(name)
    return [type?.maxmemory, type?.replicaBuffer, type?.memcachedMegabytes, type?.maxClients, type?.cpus]
  }
  assert.deepEqual(figures('cache.t2.small'), [1_665_138_688, 166_513_868, 1_588, 20_000, 1])
  assert.deepEqual(figures('cache.t3.small'), [1_471_026_299, 147_102_629, 1_402, 46_000, 2])
  assert.deepEqual(figures('cache.m5.large'), [6_854_542_746, 685_454_275, 6_537, 65_000, 2])
  assert.deepEqual(figures('cache.m5.xlarge'), [13_891_921_715, 1_389_192_172, 13_248, 65_000, 4])
  assert.deepEqual(figures('cache.m5.4xlarge'), [56_116_178_125, 5_611_617_812, 53_516, 65_000, 16])
  assert.deepEqual(figures('cache.r4.xlarge'), [26_898_228_839, 2_689_822_883, 25_652, 65_000, 4])
  assert.deepEqual(figures('cache.r6g.16xlarge'), [450_000_750_456, 45_000_075_046, 429_154, 65_000, 64])
  assert.deepEqual(figures('cache.c8gn.16xlarge').slice(0, 1), [133_838_143_488])
  assert.deepEqual(figures('cache.t1.micro'), [142_606_336, 14_260_633, 213, 65_000, 1])
  assert.deepEqual(figures('cache.m1.small'), [943_718_400, 94_371_840, 1_300, 65_000, 1])
  assert.deepEqual(figures('cache.m2.4xlarge'), [70_883_737_600, 7_088_373_760, 68_000, 65_000, 8])
  assert.deepEqual(figures('cache.m3.medium'), [2_988_441_600, 309_329_920, 2_850, 65_000, 1])
  assert.deepEqual(figures('cache.c1.xlarge'), [6_501_171_200, 650_117_120, 6_600, 65_000, 8])
  assert.deepEqual(figures('cache.r3.8xlarge'), [254_384_537_600, 24_536_678_400, 242_600, 65_000, 32])
  assert.deepEqual(figures('cache.r6gd.xlarge'), [28_261_849_702, 2_826_184_970, 26_953, 65_000, 4])
})
