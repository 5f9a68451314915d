/** The text of one table in a file: what is to be in force, for Larder, for nft and for the keeper alike. */
import { createHash } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LarderError } from '../../errors.ts'

/** `text` replaces the whole table, in one transaction; `note` is for whoever reads the file again, in one line. */
export interface TableContent {
  readonly text: string
  readonly note: string
}

export interface StampedTable extends TableContent {
  /** Of this content; the table in the kernel names it. */
  readonly stamp: string
}

const fileOf = (folder: string, table: string): string => join(folder, `${table}.nft`)

/** Of these rules it can be seen in the kernel whose they are, and whether they are the newest. */
const stampChain = 'stamp'
export const stampIn = (text: string): string | null => /\bcomment "larder ([0-9a-f]{16})"/.exec(text)?.[1] ?? null

/** In the last chain of the table: the kernel tells of it last, when all else of the table has changed. No packet comes there. */
export const stamped = ({ text, note }: TableContent): StampedTable => {
  if (!text.endsWith('}\n') || note.includes('\n'))
    throw new LarderError(
      'machine',
      `expected the text of a table and a note of one line, found ${JSON.stringify(text.slice(-20))}`,
    )
  const stamp = createHash('sha256').update(note).update(text).digest('hex').slice(0, 16)
  return { note, stamp, text: `${text.slice(0, -2)}  chain ${stampChain} {\n    counter comment "larder ${stamp}"\n  }\n}\n` }
}

/**
 * Not synced: after a cut of power the kernel has no rules either, and Larder writes both anew. The file is whole or not there.
 */
export const writeRules = async (folder: string, table: string, { text, note }: TableContent): Promise<void> => {
  const path = fileOf(folder, table)
  const fresh = `${path}.new`
  {
    await using file = await open(fresh, 'w', 0o600)
    await file.writeFile(`# ${note}\n${text}`)
  }
  await rename(fresh, path)
}

export const removeRules = (folder: string, table: string): Promise<void> => rm(fileOf(folder, table), { force: true })

/** The note of the file; null where there is none. */
export const readNote = async (folder: string, table: string): Promise<string | null> => {
  try {
    const [first = ''] = (await readFile(fileOf(folder, table), 'utf8')).split('\n', 1)
    return first.startsWith('# ') ? first.slice(2) : null
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
