import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { allBlocks, lastBlock } from '../model/addresses.ts'
import { claimBlock, releaseBlock } from './blocks.ts'
import { type Home, openHome } from './home.ts'
import { runOther, temporaryFolder } from './testing.ts'

const homeIn = (folder: string, name: string): Home => openHome(join(folder, name))
const claimOf = (registry: string, first: number): string => join(registry, `127.${first}`)

test('homes get different networks, and each keeps its own over a restart', () => {
  using folder = temporaryFolder()
  const registry = join(folder.path, 'blocks')
  const homes = ['a', 'b', 'c'].map((name) => homeIn(folder.path, name))
  const blocks = homes.map((home) => claimBlock(home, registry).first)
  assert.equal(new Set(blocks).size, 3)
  assert.deepEqual(
    homes.toReversed().map((home) => claimBlock(home, registry).first),
    blocks.toReversed(),
  )
  assert.equal(statSync(registry).mode & 0o7777, 0o1777, 'all users may claim, none may remove what others claimed')
})

test('homes that start at the same moment in processes of their own get different networks', async () => {
  using folder = temporaryFolder()
  const registry = join(folder.path, 'blocks')
  mkdirSync(registry)
  // Some claims are void: everybody wants to clear the same ones.
  for (const { first } of allBlocks.slice(0, 8)) writeFileSync(claimOf(registry, first), JSON.stringify({ home: '/gone', at: 0 }))
  const processes = Array.from({ length: 6 }, (_, index) =>
    runOther(
      import.meta.url,
      `import { openHome } from './home.ts'
       import { claimBlock } from './blocks.ts'
       const starting = Array.from({ length: 4 }, (_, n) => openHome(${JSON.stringify(folder.path)} + '/h${index}-' + n))
       console.log(starting.map((home) => claimBlock(home, ${JSON.stringify(registry)}).first).join())`,
    ),
  )
  try {
    const firsts = (await Promise.all(processes.map((each) => each.line()))).flatMap((line) => line.split(','))
    assert.equal(new Set(firsts).size, 24)
  } finally {
    for (const each of processes) await each.kill()
  }
})

test('a claim of a home that is gone is taken over, one that is just being made is not', () => {
  using folder = temporaryFolder()
  const registry = join(folder.path, 'blocks')
  const gone = homeIn(folder.path, 'gone')
  const { first } = claimBlock(gone, registry)
  rmSync(gone.path, { recursive: true })
  const young = claimBlock(homeIn(folder.path, 'young'), registry).first
  assert.notEqual(young, first, 'the home could still be about to write its record')
  writeFileSync(claimOf(registry, first), JSON.stringify({ home: gone.path, at: Date.now() - 60_000 }))
  assert.equal(claimBlock(homeIn(folder.path, 'heir'), registry).first, first)
})

test('a home whose networks another one has taken meanwhile is told so', () => {
  using folder = temporaryFolder()
  const registry = join(folder.path, 'blocks')
  const home = homeIn(folder.path, 'first')
  const { first } = claimBlock(home, registry)
  const other = homeIn(folder.path, 'second')
  writeFileSync(other.blockFile, JSON.stringify({ first }))
  writeFileSync(claimOf(registry, first), JSON.stringify({ home: other.path, at: 0 }))
  assert.throws(() => claimBlock(home, registry), { code: 'address-taken', message: new RegExp(`claimed by ${other.path}`) })
})

test('a home that was moved a moment ago is told to wait, and then has its networks', () => {
  using folder = temporaryFolder()
  const registry = join(folder.path, 'blocks')
  const before = homeIn(folder.path, 'before')
  const { first } = claimBlock(before, registry)
  const after = homeIn(folder.path, 'after')
  writeFileSync(after.blockFile, JSON.stringify({ first }))
  rmSync(before.path, { recursive: true })
  assert.throws(() => claimBlock(after, registry), {
    code: 'address-taken',
    message: /if it was moved here, try again in ten seconds/,
  })
  writeFileSync(claimOf(registry, first), JSON.stringify({ home: before.path, at: Date.now() - 60_000 }))
  assert.equal(claimBlock(after, registry).first, first)
})

test('a claim that was cleaned away is made again by the home that has the networks', () => {
  using folder = temporaryFolder()
  const registry = join(folder.path, 'blocks')
  const home = homeIn(folder.path, 'home')
  const { first } = claimBlock(home, registry)
  rmSync(registry, { recursive: true })
  assert.equal(claimBlock(home, registry).first, first)
  assert.ok(existsSync(claimOf(registry, first)))
})

test('networks in which somebody listens are not taken', async () => {
  using folder = temporaryFolder()
  const registry = join(folder.path, 'blocks')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, `127.${lastBlock}.0.9`, resolve))
  try {
    mkdirSync(registry)
    // Everything but the last block is claimed by a home that has it.
    for (const { first } of allBlocks.slice(0, -1)) {
      const owner = homeIn(folder.path, `o${first}`)
      writeFileSync(owner.blockFile, JSON.stringify({ first }))
      writeFileSync(claimOf(registry, first), JSON.stringify({ home: owner.path, at: 0 }))
    }
    assert.throws(() => claimBlock(homeIn(folder.path, 'late'), registry), {
      code: 'address-taken',
      message: new RegExp(`all ${allBlocks.length} claimed`),
    })
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
})

test('a released block is free at once; releasing twice, or without one, does nothing', () => {
  using folder = temporaryFolder()
  const registry = join(folder.path, 'blocks')
  const home = homeIn(folder.path, 'home')
  releaseBlock(home, registry)
  claimBlock(home, registry)
  releaseBlock(home, registry)
  releaseBlock(home, registry)
  assert.deepEqual(readdirSync(registry), [])
})

test('a record of something else is named, and left', () => {
  using folder = temporaryFolder()
  const home = homeIn(folder.path, 'home')
  writeFileSync(home.blockFile, '{"first": 3}')
  assert.throws(() => claimBlock(home, join(folder.path, 'blocks')), { code: 'store-corrupt', message: /a block of networks/ })
  assert.equal(readFileSync(home.blockFile, 'utf8'), '{"first": 3}')
})

test('another user sees that a block is taken, whatever the umask, and takes the next one', async () => {
  using folder = temporaryFolder('/var/tmp') // every user may go there, whatever TMPDIR is
  const registry = join(folder.path, 'blocks')
  const before = process.umask(0o077)
  try {
    const { first } = claimBlock(homeIn(folder.path, 'mine'), registry)
    assert.equal(statSync(claimOf(registry, first)).mode & 0o777, 0o644)
    if (process.getuid?.() !== 0) return // only root can become another user
    chmodSync(folder.path, 0o711)
    const other = join(folder.path, 'other')
    mkdirSync(other)
    chownSync(other, 65_534, 65_534)
    await using another = runOther(
      import.meta.url,
      `import { openHome } from './home.ts'
       import { claimBlock } from './blocks.ts'
       process.setgid(65534)
       process.setuid(65534)
       console.log(claimBlock(openHome(${JSON.stringify(join(other, 'home'))}), ${JSON.stringify(registry)}).first)`,
    )
    assert.notEqual(Number(await another.line()), first)
  } finally {
    process.umask(before)
  }
})

const notRoot = process.getuid?.() !== 0 && 'only root can act for another user'

test('what another user puts into the folder for all costs a block each, and neither the start nor a file', {
  skip: notRoot,
}, () => {
  using folder = temporaryFolder()
  const registry = join(folder.path, 'blocks')
  mkdirSync(registry)
  const trap = join(folder.path, 'trap')
  mkdirSync(trap)
  execFileSync('mkfifo', [join(trap, 'block.json')])
  const own = join(folder.path, 'own')
  writeFileSync(own, 'mine')
  const [first = 0, second = 0, third = 0, fourth = 0, ...others] = allBlocks.map((block) => block.first)
  writeFileSync(claimOf(registry, first), 'no JSON')
  execFileSync('mkfifo', [claimOf(registry, second)])
  symlinkSync(own, claimOf(registry, third))
  writeFileSync(claimOf(registry, fourth), JSON.stringify({ home: trap, at: 0 }))
  for (const each of [first, second, third, fourth]) lchownSync(claimOf(registry, each), 65_534, 65_534)
  // Names that this process could be expected to write to.
  for (const each of others) symlinkSync(own, `${claimOf(registry, each)}.${process.pid}.new`)
  assert.ok(others.includes(claimBlock(homeIn(folder.path, 'a'), registry).first))
  assert.equal(readFileSync(own, 'utf8'), 'mine')
})

test('claims of others that are folders, or larger than a claim, or lead to such a file, cost a block each', {
  skip: notRoot,
}, () => {
  using folder = temporaryFolder()
  const registry = join(folder.path, 'blocks')
  mkdirSync(registry)
  const [first = 0, second = 0, third = 0, ...others] = allBlocks.map((block) => block.first)
  const trap = join(folder.path, 'trap')
  mkdirSync(trap)
  writeFileSync(join(trap, 'block.json'), '')
  truncateSync(join(trap, 'block.json'), 8 * 1024 ** 3)
  writeFileSync(claimOf(registry, third), JSON.stringify({ home: trap, at: 0 }))
  mkdirSync(claimOf(registry, first))
  writeFileSync(claimOf(registry, second), '')
  truncateSync(claimOf(registry, second), 8 * 1024 ** 3)
  for (const each of [first, second, third]) lchownSync(claimOf(registry, each), 65_534, 65_534)
  assert.ok(others.includes(claimBlock(homeIn(folder.path, 'a'), registry).first))
})

test('a folder for all that another user has put there is refused with what to do, and nothing is written where it leads', {
  skip: notRoot,
}, () => {
  using folder = temporaryFolder()
  const elsewhere = join(folder.path, 'elsewhere')
  mkdirSync(elsewhere)
  const traps: Readonly<Record<string, (path: string) => void>> = {
    'a link': (path) => symlinkSync(elsewhere, path),
    'a link to nothing': (path) => symlinkSync(join(folder.path, 'nothing'), path),
    'a plain file': (path) => writeFileSync(path, ''),
    'a folder of his own': (path) => mkdirSync(path, { mode: 0o755 }),
  }
  for (const [name, make] of Object.entries(traps)) {
    const registry = join(folder.path, name)
    make(registry)
    lchownSync(registry, 65_534, 65_534)
    const home = homeIn(folder.path, `home of ${name}`)
    assert.throws(() => claimBlock(home, registry), /expected .* to be a folder of this user or of root.*remove it/, name)
    assert.deepEqual([...readdirSync(elsewhere), ...readdirSync(folder.path).filter((each) => each === 'nothing')], [])
  }
  // Somebody else was here first, in good faith: his folder is for all.
  const registry = join(folder.path, 'for all')
  mkdirSync(registry)
  chmodSync(registry, 0o1777)
  lchownSync(registry, 65_534, 65_534)
  assert.ok(claimBlock(homeIn(folder.path, 'b'), registry))
})

test('a record that is missing, damaged or another one is made anew from the addresses that are given away', () => {
  using folder = temporaryFolder()
  const registry = join(folder.path, 'blocks')
  const home = homeIn(folder.path, 'home')
  const { first } = claimBlock(home, registry)
  const addresses = [`127.${first + 1}.0.1`, `127.${first}.0.1`, '10.0.0.1']
  const write = (text: string) => (): void => writeFileSync(home.blockFile, text)
  const damages = [() => rmSync(home.blockFile), write(''), write('garbage'), write('{"first":248}')]
  for (const damage of damages) {
    for (const claimIsThere of [true, false]) {
      damage()
      if (!claimIsThere) rmSync(claimOf(registry, first), { force: true })
      assert.equal(claimBlock(home, registry, addresses).first, first)
      assert.deepEqual(JSON.parse(readFileSync(home.blockFile, 'utf8')), { first })
      assert.ok(existsSync(claimOf(registry, first)))
      assert.ok(!existsSync(claimOf(registry, 248)))
    }
  }
  writeFileSync(claimOf(registry, first), 'garbage')
  assert.equal(claimBlock(home, registry, addresses).first, first, 'its own claim, damaged')
  assert.equal(JSON.parse(readFileSync(claimOf(registry, first), 'utf8')).home, home.path)
})

test('nobody takes the networks of a home that has nodes and lost its record, or whose record or claim is damaged', () => {
  using folder = temporaryFolder()
  const registry = join(folder.path, 'blocks')
  const home = homeIn(folder.path, 'home')
  const { first } = claimBlock(home, registry)
  mkdirSync(home.nodeFolder('us-east-1', 'a-001'), { recursive: true })
  const old = JSON.stringify({ home: home.path, at: 0 })
  const damages = [
    () => rmSync(home.blockFile),
    () => writeFileSync(home.blockFile, 'garbage'),
    () => writeFileSync(claimOf(registry, first), ''),
  ]
  for (const [index, damage] of damages.entries()) {
    writeFileSync(home.blockFile, JSON.stringify({ first }))
    writeFileSync(claimOf(registry, first), old)
    damage()
    assert.notEqual(claimBlock(homeIn(folder.path, `other-${index}`), registry).first, first)
  }
})
