import { flushCompileCache } from 'node:module'
import { type Service, startService } from '../compose/service.ts'
import { LarderError } from '../errors.ts'
import { homePath, openHome } from '../home/home.ts'
import { fullDiskNotice } from '../host/disk-room.ts'
import { raisePriority } from '../host/priority.ts'
import type { GroupKey } from '../model/group.ts'
import { versionWithNotice } from '../model/retired-engines.ts'
import { defaultRegion } from './access.ts'
import { endOnDefects } from './last-resort.ts'
import { statusText } from './status-text.ts'
import { print, useColour } from './terminal.ts'

export interface UpOptions {
  readonly port: string | undefined
  readonly demo: boolean
  readonly stopOnExit: boolean
}

const defaultPort = 4566
const host = '127.0.0.1'

const portOf = (text: string | undefined): number => {
  const given = text ?? process.env['LARDER_PORT']
  const port = given === undefined ? defaultPort : Number(given)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new LarderError('usage', `expected a port between 0 and 65535, found ${given}`)
  return port
}

/** What is being made, on a terminal, once for each new text. */
const createProgress = (): ((key: GroupKey, text: string) => void) => {
  const last = new Map<string, string>()
  return (key, text) => {
    const name = `${key.region}/${key.space}/${key.id}`
    if (last.get(name) === text) return
    last.set(name, text)
    print(`  ${key.id}: ${text}\n`)
  }
}

const runDemo = async (service: Service): Promise<void> => {
  const { groups } = await service.report()
  if (groups.length > 0) {
    print(`\n${statusText(await service.report(), { colour: useColour(process.stdout) })}`)
    return
  }
  print('making three groups to look at:\n')
  const [{ ElastiCacheClient }, { createDemo }] = await Promise.all([import('@aws-sdk/client-elasticache'), import('./demo.ts')])
  const client = new ElastiCacheClient({
    endpoint: service.url,
    region: defaultRegion,
    credentials: { accessKeyId: service.secrets.accessKeyId, secretAccessKey: service.secrets.secretAccessKey },
  })
  try {
    const lines: string[] = []
    await createDemo(client, (result) => {
      const seconds = (result.readyAfterMs / 1000).toFixed(1)
      lines.push(`${result.id}: ${result.what}, ready after ${seconds} s\n  ${result.endpoint}\n  try: ${result.example}\n`)
    })
    print(`\n${lines.join('\n')}\n`)
  } finally {
    client.destroy()
  }
}

/** The first one. Later ones are expected (a terminal and npm each send theirs) and must not end Larder while it stops engines. */
const untilSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, resolve)
  })

/** `larder up` */
export const up = async ({ port, demo, stopOnExit }: UpOptions): Promise<number> => {
  const home = openHome(homePath(process.env))
  const signal = untilSignal()
  raisePriority() // what is missing for it `larder doctor` says
  const service = await startService({ home, host, port: portOf(port), environment: process.env, onProgress: createProgress() })
  endOnDefects(process, service.log, (text) => process.stderr.write(text))
  const engines = service.catalog.list().map(({ engine, version }) => `${engine} ${versionWithNotice(engine, version)}`)
  print(`Larder in ${home.path}: ${engines.join(', ') || 'no engine found, see larder doctor'}\n`)
  print(`ready ${service.url}\n`)
  const notice = fullDiskNotice(home.path)
  if (notice !== null) process.stderr.write(`larder: ${notice}\n`)
  flushCompileCache() // it would else be written at the end, which a process that is killed does not reach
  const demonstration = demo ? runDemo(service) : Promise.resolve()
  demonstration.then(
    () => demo && print(`AWS's own tools: eval "$(npx larder env)"    Overview: npx larder status    End: Ctrl-C\n`),
    (error: unknown) =>
      process.stderr.write(`larder: the demo is not complete: ${error instanceof Error ? error.message : String(error)}\n`),
  )
  await signal
  print(stopOnExit ? '\nstopping: engines write their data and end\n' : '\nstopping: engines go on; larder down ends them\n')
  await service.close({ stopEngines: stopOnExit })
  return 0
}
