/** How a Memcached node is started: it has no configuration file. Pure. */
import { LarderError } from '../../errors.ts'
import type { NodePlan, Rendered } from '../../ports/engine.ts'
import { argumentsOf } from './options.ts'

const megabyte = 1024 ** 2

/** Throws `engine-start` where a value cannot stand on a command line: a comma or a control character would be another option. */
const checkValues = (parameters: Readonly<Record<string, string>>): void => {
  for (const [name, value] of Object.entries(parameters)) {
    if (/[\p{Cc},]/u.test(value)) {
      throw new LarderError(
        'engine-start',
        `${name}: expected a value without commas and control characters, found ${JSON.stringify(value)}`,
      )
    }
  }
}

export const render = (plan: NodePlan): Rendered => {
  checkValues(plan.parameters)
  const tag = `${plan.folder}/memcached.pid`
  const limits = {
    memoryBytes: plan.maxMemoryBytes,
    version: plan.engine.version,
    openFiles: plan.openFiles ?? null,
  }
  return {
    files: {},
    launch: {
      command: [
        ...plan.engine.command,
        // As root it refuses to start unless it is told whom to run as.
        ...(plan.runAs === null ? [] : ['-u', plan.runAs]),
        ...['-P', tag, '-l', plan.address, '-p', String(plan.port), '-U', '0'],
        ...['-m', String(Math.floor(plan.maxMemoryBytes / megabyte)), '-t', String(Math.max(1, plan.cpus))],
        ...argumentsOf(plan.parameters, limits),
      ],
      environment: {},
      cwd: plan.folder,
      logFile: `${plan.folder}/engine.log`,
      tag,
    },
  }
}
