/**
 * Another user of the machine. Reads from its standard input what it is to try, becomes that user, and tells what it could do:
 * `{"uid": 65534, "files": [...], "folders": [...], "sockets": [...]}` to `["read /x", ...]`.
 */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { connect } from 'node:net'

export interface Plan {
  readonly uid: number
  readonly files: readonly string[]
  readonly folders: readonly string[]
  readonly sockets: readonly string[]
}

const plan = JSON.parse(readFileSync(0, 'utf8')) as Plan
process.setgroups?.([])
process.setegid?.(plan.uid)
process.seteuid?.(plan.uid)

const could = (what: string, path: string, act: () => void): readonly string[] => {
  try {
    act()
    return [`${what} ${path}`]
  } catch {
    return [] // refused: that is what it is about
  }
}

const reads = (path: string): void => {
  const file = openSync(path, 'r')
  try {
    readSync(file, Buffer.alloc(1))
  } finally {
    closeSync(file)
  }
}

const connects = (path: string): Promise<readonly string[]> =>
  new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve([`connect ${path}`])
    })
    socket.once('error', () => resolve([]))
  })

const found = [
  ...plan.files.flatMap((path) => could('read', path, () => reads(path))),
  ...plan.files.flatMap((path) => could('write', path, () => closeSync(openSync(path, 'r+')))),
  ...plan.folders.flatMap((path) => could('list', path, () => void readdirSync(path))),
  ...plan.folders.flatMap((path) => could('write into', path, () => closeSync(openSync(`${path}/intruder`, 'wx')))),
  ...(await Promise.all(plan.sockets.map(connects))).flat(),
]
process.stdout.write(JSON.stringify(found))
