/** Calls operations of the query protocol, signed like those of AWS. */
import { ec2Version, larderApiVersion } from '../api/versions.ts'
import { LarderError } from '../errors.ts'
import { signRequest } from '../security/sigv4-sign.ts'
import type { Access } from './access.ts'

const usualDeadlineMs = 10_000

const versions = { larder: larderApiVersion, ec2: ec2Version } as const

/** The answer's text. Throws `usage` with the service's own words where it refuses. */
const callService = async (
  service: keyof typeof versions,
  access: Access,
  region: string,
  action: string,
  input: Readonly<Record<string, string>>,
  deadlineMs = usualDeadlineMs,
): Promise<string> => {
  const body = new URLSearchParams({ Action: action, Version: versions[service], ...input }).toString()
  const { host } = new URL(access.url)
  const headers = await signRequest(
    { method: 'POST', path: '/', headers: { host, 'content-type': 'application/x-www-form-urlencoded' }, body },
    { service, region, accessKeyId: access.accessKeyId, secretAccessKey: access.secretAccessKey },
  )
  const response = await fetch(access.url, { method: 'POST', headers, body, signal: AbortSignal.timeout(deadlineMs) })
  const text = await response.text()
  if (response.ok) return text
  throw new LarderError('usage', /<Message>([^<]*)<\/Message>/.exec(text)?.[1] ?? `the service answered ${response.status}`)
}

type Call = (
  access: Access,
  region: string,
  action: string,
  input: Readonly<Record<string, string>>,
  deadlineMs?: number,
) => Promise<string>

/** One of Larder's own operations. */
export const call: Call = (...all) => callService('larder', ...all)
export const callEc2: Call = (...all) => callService('ec2', ...all)
