import { withAdvice } from '../controllers/recovery/opening.ts'
import { LarderError } from '../errors.ts'
import { runningService } from '../home/lock.ts'
import type { Report } from '../observe/report.ts'
import { defaultRegion, existingHome } from './access.ts'
import { call } from './call.ts'

/** A service that takes longer than this is not waited for: the engines themselves are asked. */
const serviceDeadlineMs = 3_000

export const serviceIsAway = 'The service does not run'

export interface Source {
  readonly report: Report
  /** The service that told it; null where it was asked of the engines themselves. */
  readonly url: string | null
  /** Why it was asked of the engines: `The service does not run`; null where it was not. */
  readonly why: string | null
}

const references: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#xD;': '\r' }

const reportIn = (answer: string): Report => {
  const text = /<Report>([^<]*)<\/Report>/.exec(answer)?.[1]
  if (text === undefined) throw new LarderError('machine', 'expected a report in the answer of the service, found none')
  return JSON.parse(text.replace(/&(?:amp|lt|gt|quot|#xD);/g, (found) => references[found] ?? found)) as Report
}

const askEngines = async (existing: ReturnType<typeof existingHome>): Promise<Report> => {
  // Nearly the whole service is behind it, and hardly ever needed.
  const { reportOfEngines } = await import('./engines-report.ts')
  try {
    return await reportOfEngines(existing)
  } catch (error) {
    throw withAdvice(existing.home, error)
  }
}

/**
 * The service knows, over connections that are open anyway: one call, whatever the number of nodes. Where it does not run, or does not answer
 * (it hangs, it is of a version that cannot tell), every engine is asked by itself.
 */
export const findReport = async (environment = process.env): Promise<Source> => {
  const existing = existingHome(environment)
  const { accessKeyId, secretAccessKey } = existing.secrets
  const service = runningService(existing.home)
  const withoutService = async (why: string): Promise<Source> => ({ report: await askEngines(existing), url: null, why })
  if (service === null) return withoutService(serviceIsAway)
  const { url } = service
  if (url === null) return withoutService(`Process ${service.pid} (larder ${service.task ?? 'up'}) does not serve yet`)
  const access = { url, accessKeyId, secretAccessKey, region: defaultRegion }
  try {
    const answer = await call(access, access.region, 'DescribeStatus', {}, serviceDeadlineMs)
    return { report: reportIn(answer), url, why: null }
  } catch {
    return withoutService(`The service at ${url} does not answer`)
  }
}

export const currentReport = async (): Promise<Report> => (await findReport()).report
