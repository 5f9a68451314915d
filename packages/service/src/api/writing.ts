import { randomBytes } from 'node:crypto'
import { LarderError } from '../errors.ts'
import type { Happening } from '../model/events.ts'
import type { GroupSpec } from '../model/group.ts'
import { eventOperations } from '../ports/events.ts'
import { absent, listRecords, put, remove, unchanged, type Versioned } from '../ports/records.ts'
import type { Condition, Operation } from '../ports/store.ts'
import type { ActionContext } from './action.ts'

const mostAttempts = 20

/**
 * Runs `attempt` until it returns something: null means that another request was faster, and that everything is to be read again.
 * Whoever fails lets another one win, so that the attempts run out only where a single record is written without a pause.
 */
export const untilWritten = async <T>(what: string, attempt: () => Promise<T | null>): Promise<T> => {
  for (let i = 0; i < mostAttempts; i += 1) {
    const result = await attempt()
    if (result !== null) return result
  }
  throw new LarderError('store-busy', `${what} was changed by others ${mostAttempts} times in a row`, { retry: true })
}

/** All of it or nothing. The events are told with the change, or not at all. */
export const write = async (
  context: ActionContext,
  conditions: readonly Condition[],
  operations: readonly Operation[],
  events: readonly Happening[],
): Promise<boolean> => {
  const told = eventOperations(events, context.clock.now(), randomBytes(4).toString('hex'))
  return (await context.store.transact(conditions, [...operations, ...told])).ok
}

/** Every group of the region, of both name spaces, those that are being deleted too: they hold what they use until they are gone. */
export const specsOf = async (context: ActionContext): Promise<readonly Versioned<GroupSpec>[]> =>
  (await listRecords<GroupSpec>(context.store, `spec/${context.region}/`)).records

/**
 * Removes a record that groups refer to by name, unless one does. False: the record was changed meanwhile, read it again.
 * Throws `fault()` where a group uses it.
 *
 * A group that is created between the look and the removal would be left without it. Whoever creates a group does so on the
 * condition that the record is unchanged; so a second look after the removal sees every such group, and puts the record back.
 */
export const removeUnlessUsed = async (
  context: ActionContext,
  record: Versioned<unknown>,
  uses: (spec: GroupSpec) => boolean,
  fault: () => Error,
  events: readonly Happening[],
): Promise<boolean> => {
  const used = async (): Promise<boolean> => (await specsOf(context)).some((spec) => uses(spec.value))
  if (await used()) throw fault()
  if (!(await write(context, [unchanged(record)], [remove(record.key)], []))) return false
  if (await used()) {
    await write(context, [absent(record.key)], [put(record.key, record.value)], [])
    throw fault()
  }
  await write(context, [], [], events)
  return true
}
