/**
 * The library by which nodes of Memcached answer `config get cluster` themselves (`native/larder-discovery.c`; see native-module.ts for where
 * it comes from). It relies on how the engine reads commands, so every program is tried with a conversation before a node gets it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { InstalledEngine } from '../ports/catalog.ts'
import type { Log } from '../ports/log.ts'
import { discoveryEnvironment } from './memcached/render.ts'
import { compiledModule, isAble, isSameEngine, modulesFolder } from './native-module.ts'

const trialDeadlineMs = 10_000
const pollMs = 5
const list = '7\n127.0.0.1|127.0.0.1|11211\n'
const [config, value] = [
  `CONFIG cluster 0 ${list.length}\r\n${list}\r\nEND\r\n`,
  `VALUE AmazonElastiCache:cluster 0 ${list.length}\r\n${list}\r\nEND\r\n`,
]
/** Questions between other commands, and what reads like one. */
const conversation: readonly (readonly [said: string, answer: string])[] = [
  ['set a 0 0 20\r\nconfig get cluster\r\n\r\n', 'STORED\r\n'],
  ['config get cluster\r\n', config],
  ['get a\r\n', 'VALUE a 0 20\r\nconfig get cluster\r\n\r\nEND\r\n'],
  ['get AmazonElastiCache:cluster\r\n', value],
  ['config get clusters\r\n', 'ERROR\r\n'],
  ['config get cluster\r\n', config],
  ['mn\r\n', 'MN\r\n'],
]

/** What the engine answers until it has said as much as expected, or ends the connection. */
const converse = (socketFile: string, text: string, length: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(socketFile, () => socket.write(text))
    let answer = ''
    socket.setTimeout(trialDeadlineMs, () => socket.destroy())
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      if (answer.length >= length) socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => resolve(answer))
  })

const isThere = (error: unknown): boolean =>
  !(error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ECONNREFUSED'))

const tried = async (file: string, folder: string, engine: InstalledEngine): Promise<boolean> => {
  const place = mkdtempSync(join(folder, 'trial-'))
  const [program = '', ...args] = engine.command
  const user = process.getuid?.() === 0 ? ['-u', 'root'] : []
  writeFileSync(join(place, 'discovery'), list)
  const child = spawn(program, [...args, '-s', join(place, 's'), '-U', '0', '-m', '16', '-t', '1', ...user], {
    cwd: place,
    env: discoveryEnvironment(file, place),
    stdio: 'ignore',
  })
  const ended = once(child, 'close').then(
    () => true,
    () => true, // it could not be started
  )
  const said = conversation.map(([text]) => text).join('')
  const expected = conversation.map(([, text]) => text).join('')
  try {
    const deadline = performance.now() + trialDeadlineMs
    while (performance.now() < deadline) {
      try {
        return (await converse(join(place, 's'), said, expected.length)) === expected
      } catch (error) {
        if (isThere(error)) return false
      }
      if (await Promise.race([ended, delay(pollMs, false)])) return false
    }
    return false
  } finally {
    child.kill('SIGKILL')
    await ended
    rmSync(place, { recursive: true, force: true })
  }
}

/** Gives the library for an engine; null: its nodes refuse the question as the engine does. Never rejects. */
export const openDiscoveryModule = async (
  environment: NodeJS.ProcessEnv,
  engines: readonly InstalledEngine[],
  log: Log,
): Promise<(engine: InstalledEngine) => string | null> => {
  const able: InstalledEngine[] = []
  let file: string | null = null
  try {
    const compiled = await compiledModule('larder-discovery', environment)
    for (const engine of engines.filter((each) => each.engine === 'memcached')) {
      if (await isAble(compiled, engine, () => tried(compiled, modulesFolder(environment), engine))) able.push(engine)
      else
        log('warn', 'nodes of this Memcached do not answer discovery themselves', { version: engine.version, path: engine.path })
    }
    file = compiled
  } catch (error) {
    log('warn', 'nodes of Memcached do not answer discovery themselves', { error })
  }
  return (engine) => (able.some((each) => isSameEngine(each, engine)) ? file : null)
}
