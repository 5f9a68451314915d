/**
 * A network and a small disk of its own for a run, where the machine lets us: `unshare` gives them, and they are gone with the last process in it. A disk
 * that is full, and networks and rules of a home that others cannot see, are then nobody else's.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultRegistry } from '../packages/service/src/home/blocks.ts'

export const diskBytes = 512 * 1024 * 1024
const variable = 'LARDER_CHAOS_DISK'
const tryDeadlineMs = 10_000

/** Claims of networks have a folder of their own there too: a home that others cannot see would lose its claim to them. */
const script = `ip link set lo up && mount -t tmpfs -o size=${diskBytes},mode=0700 larder-chaos "$1" &&
mount -t tmpfs -o size=1m,mode=1777 larder-chaos "$2" && shift 2 && exec "$@"`

const enter = (disk: string, command: readonly string[]): readonly string[] => [
  '-m',
  '-n',
  'sh',
  '-c',
  script,
  'sh',
  disk,
  defaultRegistry,
  ...command,
]

/** The disk of the room in which this process runs; null: it runs in none. */
export const roomDisk = (): string | null => process.env[variable] ?? null

/** Runs the program in a room, with the signals that this process gets. Resolves with how it ended; null: there is no room to be had, and nothing was run. */
export const runInRoom = async (command: readonly string[]): Promise<number | null> => {
  const disk = mkdtempSync(join(tmpdir(), 'larder-chaos-disk-'))
  try {
    mkdirSync(defaultRegistry, { recursive: true, mode: 0o1777 })
    if (spawnSync('unshare', enter(disk, ['true']), { stdio: 'ignore', timeout: tryDeadlineMs }).status !== 0) return null
    const child = spawn('unshare', enter(disk, command), { stdio: 'inherit', env: { ...process.env, [variable]: disk } })
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => child.kill(name))
    return await new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])))
    })
  } finally {
    rmSync(disk, { recursive: true, force: true })
  }
}
