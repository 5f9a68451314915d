/**
 * How long the main thread of a process has run, read again and again by a descriptor that stays open: one system call a look, a tenth of what
 * opening two files of /proc costs. A descriptor of /proc belongs to its process: after its end a read fails, also where the pid lives on.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import type { ProcessIdentity } from '../model/group.ts'
import type { RuntimeReader } from '../ports/host.ts'
import { statOf } from './proc.ts'

const space = 0x20
const zero = 0x30
/** Shared by all readers: nothing else runs between a read and its use. */
const buffer = Buffer.alloc(128)

/** The number before the first space of `<ns run> <ns waited> <slices>`; null for anything else. */
const firstNumber = (length: number): number | null => {
  let value = 0
  for (let at = 0; at < length; at += 1) {
    const byte = buffer[at] ?? 0
    if (byte === space) return at === 0 ? null : value
    const digit = byte - zero
    if (digit < 0 || digit > 9) return null
    value = value * 10 + digit
  }
  return null
}

/** Null where the kernel does not count (proc(5): schedstat), the process is gone, or no descriptor is left: then `sampleOf` tells. */
export const openRuntime = (identity: ProcessIdentity): RuntimeReader | null => {
  let descriptor: number
  try {
    descriptor = openSync(`/proc/${identity.pid}/schedstat`, 'r')
  } catch {
    return null // whatever the reason, there is another way to look
  }
  // Looked at after the descriptor is open: from here on the two are of one process.
  if (statOf(identity) === null) {
    closeSync(descriptor)
    return null
  }
  return {
    read: () => {
      try {
        return firstNumber(readSync(descriptor, buffer, 0, buffer.length, 0))
      } catch {
        return null // it has ended
      }
    },
    close: () => closeSync(descriptor),
  }
}
