/** From parameters of a parameter group to the engine's directives. Pure. */
import { type ParameterDefinition, parametersOf } from '../../model/parameters.ts'

const bufferClasses = ['normal', 'pubsub', 'replica'] as const

/** AWS splits one directive into three parameters for each class of clients. */
const bufferLimit = (parameters: Readonly<Record<string, string>>): string => {
  const value = (kind: string, part: string): string => parameters[`client-output-buffer-limit-${kind}-${part}`] ?? '0'
  return bufferClasses
    .map((kind) => `${kind} ${value(kind, 'hard-limit')} ${value(kind, 'soft-limit')} ${value(kind, 'soft-seconds')}`)
    .join(' ')
}

const isBufferLimit = (name: string): boolean => name.startsWith('client-output-buffer-limit-')

const engineNames = new Map<string, string | null>()
const engineNameOf = (name: string): string | null => {
  if (engineNames.size === 0) {
    for (const family of ['redis6.x', 'redis7', 'valkey7', 'valkey8', 'valkey9']) {
      for (const definition of parametersOf(family)) engineNames.set(definition.name, definition.engineName)
    }
  }
  return engineNames.get(name) ?? null
}

export type { ParameterDefinition }

/** Directive to value, of those parameters that the engine knows. `all` are the effective parameters, for directives made of several. */
export const directivesOf = (
  parameters: Readonly<Record<string, string>>,
  all: Readonly<Record<string, string>> = parameters,
): Readonly<Record<string, string>> => {
  const directives: Record<string, string> = {}
  for (const [name, value] of Object.entries(parameters)) {
    if (isBufferLimit(name)) directives['client-output-buffer-limit'] = bufferLimit(all)
    else {
      const directive = engineNameOf(name)
      if (directive !== null) directives[directive] = value
    }
  }
  return directives
}
