/**
 * Which requests without a signature are answered at all. A page in a browser reads from whatever its name resolves to, and its owner can
 * let the name resolve to this machine for a moment (DNS rebinding): the header Host then holds that name. Pure.
 */
import { LarderError } from '../../errors.ts'

/** `Name`, `name.`, `name:4566`, `[::1]:4566` to the name alone. Null: that is no host. */
const nameOf = (host: string): string | null =>
  /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+?)\.?(?::\d{1,5})?$/.exec(host.trim().toLowerCase())?.[1] ?? null

const octet = '(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)'
const loopback = new RegExp(`^127(?:\\.${octet}){3}$`)
const isLocal = (name: string): boolean => name === 'localhost' || name === '[::1]' || loopback.test(name)

export interface AllowedHosts {
  readonly names: ReadonlySet<string>
}

/** `listening`: the address that the service listens on. `setting`: names with commas between them. Throws `usage`. */
export const allowedHosts = (listening: string, setting = ''): AllowedHosts => {
  const given = setting.split(',').flatMap((text) => (text.trim() === '' ? [] : [text.trim()]))
  const names = given.map((text) => {
    const name = /:\d+$/.test(text) && !text.startsWith('[') ? null : nameOf(text)
    if (name !== null) return name
    throw new LarderError('usage', `expected LARDER_ALLOWED_HOSTS to be names with commas between them, found ${text}`)
  })
  return { names: new Set([...names, listening.includes(':') ? `[${listening}]` : listening.toLowerCase()]) }
}

const isAllowed = ({ names }: AllowedHosts, host: string): boolean => {
  const name = nameOf(host)
  return name !== null && (isLocal(name) || names.has(name))
}

export interface UnsignedRequest {
  /** `http://name/path` in the first line of the request, as a proxy gets it, has a host too. */
  readonly target: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

const hostInUrl = (url: string): string | null => /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1] ?? null

/** Null: it is answered. Otherwise what was expected and what was found. */
export const whyRefused = (allowed: AllowedHosts, { target, headers }: UnsignedRequest): string | null => {
  // Without a Host it comes from no browser: old tools that look whether somebody is there send none.
  for (const host of [headers['host'], hostInUrl(target) ?? undefined]) {
    if (host !== undefined && !isAllowed(allowed, String(host)))
      return `Expected the host localhost, a loopback address or one of LARDER_ALLOWED_HOSTS, found ${String(host).slice(0, 100)}.`
  }
  const { origin, 'sec-fetch-site': site } = headers
  if (site !== undefined && site !== 'none' && site !== 'same-origin')
    return `Expected no request of another site's page, found Sec-Fetch-Site ${String(site).slice(0, 40)}.`
  if (origin !== undefined && !isAllowed(allowed, hostInUrl(String(origin)) ?? ''))
    return `Expected no request of another site's page, found the origin ${String(origin).slice(0, 100)}.`
  return null
}
