/**
 * Which loopback networks belong to this home. Claims are files in a folder that all users of the machine share: made whole or not at all,
 * so two homes that start at once cannot take the same block. A claim is void when its home is gone or names another block.
 */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { isOutOfRoom, LarderError } from '../errors.ts'
import { allBlocks, type Block, blockOf } from '../model/addresses.ts'
import { isObject, readJsonFile, writePrivateFile } from './files.ts'
import type { Home } from './home.ts'

const isBlock = (value: unknown): value is Block => isObject(value) && allBlocks.some((block) => block.first === value['first'])
const blockAt = (path: string): Block | null => readJsonFile(path, isBlock, 'a block of networks')

interface Claim {
  readonly home: string
  /** Milliseconds since 1970. */
  readonly at: number
}

const isClaim = (value: unknown): value is Claim =>
  isObject(value) && typeof value['home'] === 'string' && typeof value['at'] === 'number'

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

const claimFile = (registry: string, block: Block): string => join(registry, `127.${block.first}`)

/** Whoever comes first makes it, for all. A link would lead our writing elsewhere; a folder that is not for all is a trap, or a mistake. */
const openRegistry = (registry: string): void => {
  const found = lstatSync(registry, { throwIfNoEntry: false })
  if (found === undefined) {
    mkdirSync(registry, { recursive: true })
    chmodSync(registry, 0o1777)
    return
  }
  const isTrusted = found.uid === process.getuid?.() || found.uid === 0
  const isForAll = (found.mode & 0o1777) === 0o1777
  if (found.isSymbolicLink() ? isTrusted && existsSync(registry) : found.isDirectory() && (isTrusted || isForAll)) return
  const kind = found.isSymbolicLink() ? 'a link' : found.isDirectory() ? 'a folder that is not for all' : 'no folder'
  throw new LarderError(
    'machine',
    `expected ${registry} to be a folder of this user or of root, or one for all (mode 1777), found ${kind} of user ${found.uid}; ` +
      'remove it, or name another folder in LARDER_BLOCKS_FOLDER',
  )
}

/** A claim of this user that is damaged: nobody takes its block but the home that has it. */
const unreadable = 'a claim that cannot be read'

const isOfOthers = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.uid !== process.getuid?.()
/** A claim is a short line. What is none (a link, a pipe, a folder, gigabytes of nothing) is not read. */
const longestClaim = 65_536
const isTrap = (path: string): boolean => {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found !== undefined && (!found.isFile() || found.size > longestClaim)
}

/** Nodes that run, or that will, stand in it. */
const hasNodes = (home: string): boolean => {
  const folder = join(home, 'nodes')
  return existsSync(folder) && readdirSync(folder).length > 0
}

/** A home whose own record is gone or damaged keeps its block while it has nodes: their addresses are in it. */
const stillHas = (home: string, block: Block): boolean => {
  if (!existsSync(home)) return false
  try {
    const recorded = blockAt(join(home, 'block.json'))
    return recorded === null ? hasNodes(home) : recorded.first === block.first
  } catch (error) {
    if (error instanceof LarderError && error.code === 'store-corrupt') return true
    throw error
  }
}

/**
 * Whose the block is, or null when it is free: a claim of a home that no longer exists, or that has another block, is void. What another
 * user does not let us read is his.
 */
const ownerOf = (registry: string, block: Block): string | null => {
  if (isTrap(claimFile(registry, block))) return 'another user'
  try {
    const claim = readJsonFile(claimFile(registry, block), isClaim, 'the claim of a home')
    if (claim === null) return null
    return stillHas(claim.home, block) ? claim.home : null
  } catch (error) {
    if (codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM') return 'another user'
    // In a folder for all, what another user writes may be anything: it costs one block, not the start.
    if (error instanceof LarderError && isOfOthers(claimFile(registry, block))) return 'another user'
    if (error instanceof LarderError && error.code === 'store-corrupt') return unreadable
    throw error
  }
}

/**
 * Removes a void claim; false when it cannot. It is moved aside first and looked at again: another home may have cleared the same
 * claim and made its own in between, and gets it back then.
 */
const clear = (path: string): boolean => {
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true
    if (codeOf(error) === 'EPERM' || codeOf(error) === 'EACCES') return false // another user's: his to clear
    throw error
  }
  try {
    if (ageOf(aside) >= youngMs) return true
    linkSync(aside, path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
  return false
}

/** False when there is a claim already. It appears whole: nobody can read one that is just being written. */
const make = (path: string, home: Home): boolean => {
  // A name that nobody can foresee, and only as a new file: a link of another user in its place would lead our writing elsewhere.
  const whole = `${path}.${randomBytes(6).toString('hex')}.new`
  writeFileSync(whole, `${JSON.stringify({ home: home.path, uid: process.getuid?.() ?? null, at: Date.now() })}\n`, {
    mode: 0o644,
    flag: 'wx',
  })
  chmodSync(whole, 0o644) // whatever the umask: other users have to see that the block is taken
  try {
    linkSync(whole, path)
    return true
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    return false
  } finally {
    rmSync(whole, { force: true })
  }
}

/** False when somebody else has it. `isOwn`: the home had it before. */
const claim = (registry: string, block: Block, home: Home, isOwn: boolean): boolean => {
  const path = claimFile(registry, block)
  for (let attempt = 0; attempt < 2; attempt += 1) {
    if (make(path, home)) return true
    const owner = ownerOf(registry, block)
    if (owner === home.path) return true
    if (owner === unreadable && isOwn) {
      renameSync(path, `${path}.damaged.${randomBytes(4).toString('hex')}`)
      continue
    }
    if (owner !== null || isYoung(path)) return false
    if (!clear(path)) return false
  }
  return false
}

/** Younger than this it may be the claim of a home that has not written its own record yet. */
const youngMs = 10_000
const isYoung = (path: string): boolean => Math.abs(ageOf(path)) < youngMs

/** Milliseconds since the claim was made, by a clock that may have been set since; zero when it has just gone. */
const ageOf = (path: string): number => {
  const made = readJsonFile(path, isClaim, 'the claim of a home')
  return made === null ? 0 : Date.now() - made.at
}

/** Blocks in which something listens now, from the kernel's table of sockets. */
const busyBlocks = (): ReadonlySet<number> => {
  const busy = new Set<number>()
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local, , state] = line.trim().split(/\s+/)
    const hex = local?.split(':')[0]
    if (state !== '0A' || hex === undefined || hex.length !== 8) continue
    const bytes = Buffer.from(hex, 'hex').reverse()
    const block = blockOf(bytes.join('.'))
    if (block !== null) busy.add(block.first)
  }
  return busy
}

export const defaultRegistry = '/var/tmp/larder-blocks'

/** The block of the addresses that are given to nodes and endpoints already; null where there are none. */
const blockOfAddresses = (addresses: readonly string[]): Block | null => {
  const counts = new Map<number, number>()
  for (const address of addresses) {
    const block = blockOf(address)
    if (block !== null) counts.set(block.first, (counts.get(block.first) ?? 0) + 1)
  }
  const [most] = [...counts].sort(([, left], [, right]) => right - left)
  return most === undefined ? null : { first: most[0] }
}

/** Where nodes have addresses these say it, whatever became of the record. */
const recordedBlock = (home: Home, addresses: readonly string[]): Block | null => {
  const used = blockOfAddresses(addresses)
  if (used === null) return blockAt(home.blockFile)
  let recorded: Block | null = null
  try {
    recorded = blockAt(home.blockFile)
  } catch (error) {
    if (!(error instanceof LarderError) || error.code !== 'store-corrupt') throw error
  }
  try {
    if (recorded?.first !== used.first) writePrivateFile(home.blockFile, `${JSON.stringify(used)}\n`)
  } catch (error) {
    if (!isOutOfRoom(error)) throw error // on a full disk the addresses say it again at the next start
  }
  return used
}

/**
 * The home's block: the one of before, or the next free one. `addresses`: those that its state has given away; a missing or wrong record is
 * made anew from them. Throws `address-taken`.
 */
export const claimBlock = (home: Home, registry = defaultRegistry, addresses: readonly string[] = []): Block => {
  openRegistry(registry)
  const present = recordedBlock(home, addresses)
  if (present !== null) {
    if (claim(registry, present, home, true)) return present
    const young = 'a home that was there some seconds ago (if it was moved here, try again in ten seconds)'
    const owner = ownerOf(registry, present) ?? (isYoung(claimFile(registry, present)) ? young : 'another user')
    throw new LarderError(
      'address-taken',
      `expected the networks 127.${present.first} to 127.${present.first + 3} to be free for ${home.path}, found them claimed by ${owner}`,
    )
  }
  const busy = busyBlocks()
  for (const block of allBlocks) {
    if (busy.has(block.first) || !claim(registry, block, home, false)) continue
    writePrivateFile(home.blockFile, `${JSON.stringify(block)}\n`)
    return block
  }
  throw new LarderError(
    'address-taken',
    `expected a free block of loopback networks, found all ${allBlocks.length} claimed in ${registry}; remove homes that are no longer needed`,
  )
}

/** For a home that is removed. */
export const releaseBlock = (home: Home, registry = defaultRegistry): void => {
  const present = blockAt(home.blockFile)
  if (present !== null && ownerOf(registry, present) === home.path) rmSync(claimFile(registry, present), { force: true })
}
