/** When the authority of a home ends that only its user can renew: what is said of it, and how often. */

const dayMs = 86_400_000
/** Days before the end at which it is said. */
const noticeDays = [60, 30, 14, 7, 3, 1] as const

/** Null: there is time. The same words until the next of those days. */
export const endNotice = (what: string, endsAt: number, now: number): string | null => {
  const day = new Date(endsAt).toISOString().slice(0, 10)
  if (endsAt <= now) return `${what} has ended on ${day}`
  const within = noticeDays.findLast((days) => endsAt - now <= days * dayMs)
  return within === undefined ? null : `${what} ends on ${day}, within ${within === 1 ? 'a day' : `${within} days`}`
}

export const authorityMend =
  'put the next one into tls/ca.crt and tls/ca.key, start the service again, and run: npx larder certs rotate'
