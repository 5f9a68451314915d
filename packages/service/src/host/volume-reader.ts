import { readdir, readFile, stat } from 'node:fs/promises'
import type { VolumeReader } from './home-volume.ts'
import { runTool } from './tool.ts'

const deadlineMs = 2_000

/** Major and minor number, as Linux packs them into one. */
const numbersOf = (device: bigint): string => {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n)
  return `${major}:${minor}`
}

/** What a look gives that the machine does not allow, or that finds nothing: nothing. */
const orNull = <T>(look: Promise<T>): Promise<T | null> => look.catch(() => null)

/** `lsattr`: how it is run, for folders that the file system itself encrypts. */
export const createVolumeReader = (lsattr: readonly string[] | null): VolumeReader => ({
  read: (path) => orNull(readFile(path, 'utf8')),
  list: async (path) => (await orNull(readdir(path))) ?? [],
  deviceOf: (path) => orNull(stat(path, { bigint: true }).then(({ dev }) => numbersOf(dev))),
  deviceNamed: (path) => orNull(stat(path, { bigint: true }).then(({ rdev }) => numbersOf(rdev))),
  attributes: async (path) =>
    lsattr === null ? null : orNull(runTool([...lsattr, '-d', path], { deadlineMs }).then((text) => text.split(' ')[0] ?? '')),
})
