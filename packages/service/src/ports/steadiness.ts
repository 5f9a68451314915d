/** Whether the wall clock goes as time does. What is removed for its age is better kept for a day where it has just jumped. */
import { type Clock, steadyMs } from './clock.ts'

const jumpMs = 60_000
const calmMs = 86_400_000

/** True unless the clock has jumped since the last asking, or in the day before that. */
export const createSteadiness = (clock: Pick<Clock, 'now' | 'steady'>): (() => boolean) => {
  let last = { now: clock.now(), steady: steadyMs(clock) }
  let jumpedAt: number | null = null
  return () => {
    const present = { now: clock.now(), steady: steadyMs(clock) }
    if (Math.abs(present.now - last.now - (present.steady - last.steady)) > jumpMs) jumpedAt = present.steady
    last = present
    return jumpedAt === null || present.steady - jumpedAt > calmMs
  }
}
