/** Slots of the simulated machine. The number of a write tells the slot of its key; without cluster mode all keys are in one. */
import type { SlotRange } from '../../model/group.ts'
import { slotCount, slotTotal } from '../../model/slots.ts'

/** Spreads numbers that follow each other over all slots. */
const stride = 40_503

/** The number of a write to a key in one of these slots. */
export const writeIn = (count: number, slots: readonly SlotRange[]): number => {
  let at = slots.length === 0 ? 0 : (count * stride) % slotCount(slots)
  for (const [first, last] of slots) {
    if (at <= last - first) return count * slotTotal + first + at
    at -= last - first + 1
  }
  return count * slotTotal
}

export const slotOf = (write: number): number => write % slotTotal

export const hasSlot = (slots: readonly SlotRange[], slot: number): boolean =>
  slots.some(([first, last]) => first <= slot && slot <= last)

export const haveCommon = (one: readonly SlotRange[], other: readonly SlotRange[]): boolean =>
  one.some(([first, last]) => other.some(([start, end]) => first <= end && start <= last))
