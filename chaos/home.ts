/** The home of a run: made, lent, and taken away whatever happened to it. */
import { startTestService, type TestService } from '../e2e/support/service.ts'
import { findTool } from '../packages/service/src/engines/tools.ts'
import { tableOf } from '../packages/service/src/host/balancer.ts'
import type { ChaosOptions } from './chaos.ts'
import { messageOf } from './messages.ts'
import { removeTables } from './rule-faults.ts'

/** Rejects as soon as the run is to end: nobody waits for what is under way. */
export const within = async <T>(signal: AbortSignal, work: Promise<T>): Promise<T> => {
  signal.throwIfAborted()
  const ending = Promise.withResolvers<never>()
  const end = (): void => ending.reject(signal.reason)
  signal.addEventListener('abort', end, { once: true })
  try {
    return await Promise.race([work, ending.promise])
  } finally {
    signal.removeEventListener('abort', end)
  }
}

/** `larder down` leaves the rules in the kernel where it refuses a home that was damaged; engines have been ended by then. */
const removeRules = async (table: string): Promise<void> => {
  const nft = findTool('nft', process.env)
  if (nft !== null) await removeTables(nft, table)
}

/** Rejects also when the home does not end as it should, but not where the run was to end early: then it may stand in the middle of a fault. */
export const withService = async <T>(
  { disk, signal, say }: Pick<ChaosOptions, 'disk' | 'signal' | 'say'>,
  work: (service: TestService) => Promise<T>,
): Promise<T> => {
  signal.throwIfAborted()
  const service = await startTestService(disk === undefined ? {} : { folder: disk })
  const table = await tableOf(service.home)
  let result: { readonly value: T } | null = null
  let failure: unknown = null
  try {
    result = { value: await work(service) }
  } catch (error) {
    failure = error
  }
  try {
    await service[Symbol.asyncDispose]()
  } catch (error) {
    say(`the home was ended by force: ${messageOf(error)}`)
    if (result !== null && !signal.aborted) failure = error
    await removeRules(table).catch((why: unknown) => say(`rules of the home may be left in the kernel: ${messageOf(why)}`))
  }
  if (failure !== null || result === null) throw failure
  return result.value
}
