/** How Terraform's provider waits: until the status it wants, through statuses that it knows; any other fails at once, as does an end that it did not ask for. */
import { until } from '../../../testing/busy-machine.ts'

/** Null: the resource is not there. */
export const waitFor = async (
  what: string,
  look: () => Promise<string | null>,
  { target, pending }: { readonly target: string | null; readonly pending: readonly string[] },
): Promise<void> => {
  let status: string | null = null
  await until(
    () => `${what} to be ${target ?? 'gone'}, found ${status ?? 'none'}`,
    async () => {
      status = await look()
      if (status === target) return true
      if (status === null || !pending.includes(status))
        throw new Error(`${what}: expected ${[...pending, target ?? 'none'].join(', ')}, found ${status ?? 'none'}`)
      return false
    },
    20_000,
  )
}

const isNamed = (error: unknown, names: readonly string[]): boolean => error instanceof Error && names.includes(error.name)

/** Null where the service answers one of these faults. */
export const orGone = async <T>(work: Promise<T>, ...faults: readonly string[]): Promise<T | null> => {
  try {
    return await work
  } catch (error) {
    if (isNamed(error, faults)) return null
    throw error
  }
}

/** Sends again while the service answers this fault, as the provider does. */
export const whileFault = async <T>(fault: string, work: () => Promise<T>): Promise<T> => {
  const done: T[] = []
  let last: unknown = null
  await until(
    () => last,
    async () => {
      try {
        done.push(await work())
        return true
      } catch (error) {
        if (!isNamed(error, [fault])) throw error
        last = error
        return false
      }
    },
    20_000,
  )
  const [result] = done
  if (done.length === 0) throw new Error(`${fault}: no answer`)
  return result as T
}
