/**
 * What no read may be older than, seen by all processes at once: for each item the highest version whose invalidation has returned. A file of 8-byte numbers, a row for
 * each item and in it one for each process, so that each is written by one process alone.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'

export interface Floors {
  /** By this process: an invalidation of that version has returned. */
  raise(item: number, version: number): void
  of(item: number): number
  close(): void
}

const width = 8

export const openFloors = (file: string, processes: number, own: number): Floors => {
  const handle = openSync(file, 'r+')
  const row = Buffer.alloc(width * processes)
  const mine = new Map<number, number>()
  const cell = Buffer.alloc(width)
  return {
    raise: (item, version) => {
      if (version <= (mine.get(item) ?? 0)) return
      mine.set(item, version)
      cell.writeDoubleLE(version)
      writeSync(handle, cell, 0, width, item * row.length + own * width)
    },
    of: (item) => {
      readSync(handle, row, 0, row.length, item * row.length)
      let highest = 0
      for (let at = 0; at < row.length; at += width) highest = Math.max(highest, row.readDoubleLE(at))
      return highest
    },
    close: () => closeSync(handle),
  }
}
