/** From parameters of a parameter group to the engine's directives. Pure. */
import { families } from '../../model/engine-versions.ts'
import { parametersOf } from '../../model/parameters.ts'

/** A directive's value: one word or several. */
export type Directives = Readonly<Record<string, readonly string[]>>

const bufferLimit = 'client-output-buffer-limit'
const bufferClasses = ['normal', 'replica', 'pubsub'] as const
const bufferParts = ['hard-limit', 'soft-limit', 'soft-seconds'] as const

/** AWS has three parameters for each class of clients where the engine has one directive of twelve words. */
const bufferWords = (parameters: Readonly<Record<string, string>>): readonly string[] =>
  bufferClasses.flatMap((kind) => [kind, ...bufferParts.map((part) => parameters[`${bufferLimit}-${kind}-${part}`] ?? '0')])

const isBufferLimit = (name: string): boolean => name.startsWith(`${bufferLimit}-`)

/** The engine's answer to CONFIG GET (`normal 0 0 0 slave 268435456 67108864 60 pubsub …`) as the parameters that it was made of. */
export const bufferParameters = (value: string): Readonly<Record<string, string>> => {
  const words = value.split(' ')
  const found: Record<string, string> = {}
  for (let at = 0; at + 3 < words.length; at += 4) {
    const kind = words[at] === 'slave' ? 'replica' : words[at]
    for (const [index, part] of bufferParts.entries()) found[`${bufferLimit}-${kind}-${part}`] = words[at + 1 + index] ?? '0'
  }
  return found
}

/** A build with the system's own memory allocator cannot defragment, and ends at the start when it is told to. */
const onlyWhileRunning: ReadonlySet<string> = new Set(['activedefrag'])

/** Parameters of old families that engines of today refuse: they do what these ask for anyway, or have nothing of the kind any more. */
const forgotten: ReadonlySet<string> = new Set(['list-max-ziplist-entries', 'list-max-ziplist-value', 'lua-replicate-commands'])

const engineNames: ReadonlyMap<string, string | null> = new Map(
  families
    .filter(({ engine }) => engine !== 'memcached')
    .flatMap(({ family }) => parametersOf(family).map(({ name, engineName }) => [name, engineName] as const))
    .filter(([name]) => !forgotten.has(name)),
)

/**
 * Directives of those parameters that the engine knows. `known` are the values of the others, for directives that are made of
 * several parameters.
 */
export const directivesOf = (
  parameters: Readonly<Record<string, string>>,
  known: Readonly<Record<string, string>> = {},
): Directives => {
  const directives: Record<string, readonly string[]> = {}
  for (const [name, value] of Object.entries(parameters)) {
    const directive = engineNames.get(name) ?? null
    if (directive === null) continue
    if (isBufferLimit(name)) directives[bufferLimit] = bufferWords({ ...known, ...parameters })
    else directives[directive] = [value]
  }
  return directives
}

/** Directives for the configuration file. */
export const startDirectives = (parameters: Readonly<Record<string, string>>, clusterMode: boolean): Directives =>
  Object.fromEntries(
    Object.entries(directivesOf(parameters)).filter(
      // A sharded group has one database, whatever the parameter says.
      ([name]) => !onlyWhileRunning.has(name) && !(clusterMode && name === 'databases'),
    ),
  )

/** Directives that a running engine may refuse because of how it was built; that is not worth a failed change. */
export const isOptional = (directive: string): boolean => onlyWhileRunning.has(directive)
