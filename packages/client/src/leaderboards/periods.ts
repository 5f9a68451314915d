/** Boards that begin anew each day, week or month. */
export type Period = 'daily' | 'weekly' | 'monthly'

export interface Span {
  /** `2026-11-23`, `2026-W48`, `2026-11`. */
  readonly name: string
  /** Milliseconds since 1970. */
  readonly from: number
  readonly to: number
}

const minute = 60_000
const day = 86_400_000
const thursday = 4

const two = (value: number): string => String(value).padStart(2, '0')

/** The one that the moment (milliseconds since 1970) is in, where the clocks are `offset` minutes ahead of UTC. Weeks begin on Monday and are numbered as ISO 8601 says. */
export const spanOf = (period: Period, moment: number, offset = 0): Span => {
  const shift = offset * minute
  const local = new Date(moment + shift)
  const [year, month] = [local.getUTCFullYear(), local.getUTCMonth()]
  const midnight = Date.UTC(year, month, local.getUTCDate())
  switch (period) {
    case 'daily':
      return { name: `${year}-${two(month + 1)}-${two(local.getUTCDate())}`, from: midnight - shift, to: midnight + day - shift }
    case 'weekly': {
      const monday = midnight - ((local.getUTCDay() + 6) % 7) * day
      const middle = new Date(monday + (thursday - 1) * day)
      const first = Date.UTC(middle.getUTCFullYear(), 0, 1)
      const week = 1 + Math.floor((middle.getTime() - first) / (7 * day))
      return { name: `${middle.getUTCFullYear()}-W${two(week)}`, from: monday - shift, to: monday + 7 * day - shift }
    }
    case 'monthly':
      return {
        name: `${year}-${two(month + 1)}`,
        from: Date.UTC(year, month, 1) - shift,
        to: Date.UTC(year, month + 1, 1) - shift,
      }
  }
}

/** Of the last of so many spans after it. */
export const endAfter = (period: Period, span: Span, spans: number, offset = 0): number => {
  let end = span.to
  for (let turn = 0; turn < spans; turn += 1) end = spanOf(period, end, offset).to
  return end
}
