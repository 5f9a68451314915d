/** Who listens where, as the kernel says. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Place } from './asking.ts'

const listening = '0A'

const bytesOf = (hex: string): readonly number[] => [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16))

/** Inodes of the sockets that listen at the address itself. */
export const listenersAt = ({ address, port }: Place): readonly string[] =>
  readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
      const [host = '', at = ''] = local.split(':')
      return state === listening && bytesOf(host).join('.') === address && Number.parseInt(at, 16) === port ? [inode] : []
    })

/** Does the process hold the socket? False also where it is gone. */
export const holds = (pid: number, inode: string): boolean => {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`)
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false // it ended, or closed a file, while we looked
    throw error
  }
}
