/** Folders and files of nodes: private to the user, and never half-written. */
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import type { FileContent, Host } from '../ports/host.ts'

type Files = Pick<
  Host,
  'writeFile' | 'readFile' | 'makeFolder' | 'removeFile' | 'removeFolder' | 'listFolder' | 'tail' | 'move' | 'sizeOf'
>

const unlessMissing = async <T>(work: Promise<T>, otherwise: T): Promise<T> => {
  try {
    return await work
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return otherwise
    throw error
  }
}

/** Tells writes of the same path at the same time apart. Starts anew with each process: what a crash left behind is written over. */
let writes = 0

const writeAtomically = async (path: string, content: FileContent): Promise<void> => {
  writes += 1
  const fresh = `${path}.${writes}.new`
  try {
    {
      await using file = await open(fresh, 'w', 0o600)
      await file.chmod(0o600)
      await file.writeFile(content)
      await file.sync()
    }
    await rename(fresh, path)
  } catch (error) {
    await rm(fresh, { force: true })
    throw error
  }
}

const sizeOf = async (path: string): Promise<number> => {
  const about = await unlessMissing(stat(path), null)
  if (about === null || !about.isDirectory()) return about?.size ?? 0
  const names = await unlessMissing<readonly string[]>(readdir(path), [])
  const sizes = await Promise.all(names.map((name) => sizeOf(`${path}/${name}`)))
  return sizes.reduce((sum, size) => sum + size, 0)
}

const tail = async (path: string, bytes: number): Promise<string> => {
  const file = await unlessMissing(open(path, 'r'), null)
  if (file === null) return ''
  try {
    const { size } = await file.stat()
    const length = Math.min(size, bytes)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

export const files: Files = {
  writeFile: writeAtomically,
  readFile: (path) => unlessMissing<string | null>(readFile(path, 'utf8'), null),
  makeFolder: async (path) => {
    await mkdir(path, { recursive: true, mode: 0o700 })
  },
  removeFile: (path) => rm(path, { force: true }),
  // A process that is just ending may still write into it: tried again a few times.
  removeFolder: (path) => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 }),
  move: (from, to) =>
    unlessMissing(
      rename(from, to).then(() => true),
      false,
    ),
  sizeOf,
  listFolder: (path) => unlessMissing<readonly string[]>(readdir(path), []),
  tail,
}
