/** Copies of the whole store, one after each day with a change and one before each other version of Larder: bounded in number, none half-written. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { SqliteStore } from './sqlite.ts'

/** Days and versions of which a copy is kept. */
const kept = { day: 7, before: 5 } as const

export interface Copy {
  readonly path: string
  readonly kind: keyof typeof kept
  /** The day, `2026-11-30`, or the version that had written it. */
  readonly label: string
  readonly revision: number
}

const nameForm = /^(day|before)-([0-9A-Za-z.+-]+)-r(\d+)\.db$/

/** The newest first: by revision, because clocks may have been wrong. */
export const listCopies = (folder: string): readonly Copy[] => {
  let names: readonly string[]
  try {
    names = readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return names
    .flatMap((name): readonly Copy[] => {
      const [, kind, label, revision] = nameForm.exec(name) ?? []
      if ((kind !== 'day' && kind !== 'before') || label === undefined) return []
      return [{ path: join(folder, name), kind, label, revision: Number(revision) }]
    })
    .sort((left, right) => right.revision - left.revision)
}

/** Null where there is one for this label already, or one of exactly this content. */
export const takeCopy = async (folder: string, store: SqliteStore, kind: Copy['kind'], label: string): Promise<string | null> => {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { revision } = store
  const before = listCopies(folder)
  if (before.some((copy) => copy.revision === revision || (copy.kind === kind && copy.label === label))) return null
  const path = join(folder, `${kind}-${label}-r${revision}.db`)
  await store.copyTo(path)
  for (const old of listCopies(folder)
    .filter((copy) => copy.kind === kind)
    .slice(kept[kind]))
    rmSync(old.path, { force: true })
  return path
}
