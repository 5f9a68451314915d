/** How a Memcached node is started. Pure. Source: `memcached -h`. */
import { parametersOf } from '../../model/parameters.ts'
import type { NodePlan, Rendered } from '../../ports/engine.ts'

const megabyte = 1024 ** 2

/** Letters that are switches: given or not given. */
const switches: ReadonlySet<string> = new Set(['C', 'M', 'F'])
/** Words of `-o` that are switches, with the form that turns them off. */
const words: Readonly<Record<string, readonly [on: string, off: string]>> = {
  lru_crawler: ['lru_crawler', 'no_lru_crawler'],
  lru_maintainer: ['lru_maintainer', 'no_lru_maintainer'],
  maxconns_fast: ['maxconns_fast', 'no_maxconns_fast'],
  slab_reassign: ['slab_reassign', 'no_slab_reassign'],
  track_sizes: ['track_sizes', ''],
}

const engineNames = new Map(parametersOf('memcached1.6').map((definition) => [definition.name, definition.engineName]))

const letterArguments = (letter: string, value: string): readonly string[] => {
  if (switches.has(letter)) return value === '1' ? [`-${letter}`] : []
  return [`-${letter}`, value]
}

const wordOption = (word: string, value: string): string | null => {
  const pair = words[word]
  if (pair !== undefined) return (value === '1' ? pair[0] : pair[1]) || null
  if (word === 'temporary_ttl' && value === '0') return null
  return `${word}=${value}`
}

export const render = (plan: NodePlan): Rendered => {
  const letters: string[] = []
  const options: string[] = ['modern']
  for (const [name, value] of Object.entries(plan.parameters)) {
    const engineName = engineNames.get(name) ?? null
    if (engineName === null) continue
    if (engineName.length === 1) letters.push(...letterArguments(engineName, value))
    else {
      const option = wordOption(engineName, value)
      if (option !== null) options.push(option)
    }
  }
  const tag = `${plan.folder}/memcached.pid`
  return {
    files: {},
    launch: {
      command: [
        ...plan.engine.command,
        ...(plan.runAs === null ? [] : ['-u', plan.runAs]),
        ...['-P', tag, '-l', plan.address, '-p', String(plan.port), '-U', '0'],
        ...['-m', String(Math.floor(plan.maxMemoryBytes / megabyte)), '-t', String(Math.max(1, plan.cpus))],
        ...letters,
        ...['-o', options.join(',')],
      ],
      environment: {},
      cwd: plan.folder,
      logFile: `${plan.folder}/engine.log`,
      tag,
    },
  }
}
