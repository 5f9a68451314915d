/** LogDeliveryConfigurations in requests: at most one for each type of log. Source: "Log delivery" in the guide of ElastiCache. */
import type { DestinationDetails } from '@aws-sdk/client-elasticache'
import { invalidCombination, invalidValue } from '../../../../errors.ts'
import { awsTexts } from '../../../../model/aws-texts.ts'
import { compareVersions } from '../../../../model/engine-versions.ts'
import type { EngineName, GroupLabels, LogDelivery } from '../../../../model/group.ts'
import { oneOf } from './values.ts'

interface Request {
  readonly LogType?: string | undefined
  readonly DestinationType?: string | undefined
  readonly DestinationDetails?: DestinationDetails | undefined
  readonly LogFormat?: string | undefined
  readonly Enabled?: boolean | undefined
}

interface Wish {
  readonly LogDeliveryConfigurations?: readonly Request[] | undefined
  readonly ApplyImmediately?: boolean | undefined
}

interface Engine {
  readonly engine: EngineName
  readonly engineVersion: string
}

type Delivery = Pick<GroupLabels, 'logDelivery'>

const firstVersion = { 'slow-log': '6.0', 'engine-log': '6.2' } as const

const required = <T>(member: string, value: T | undefined): T => {
  if (value === undefined || value === '') throw invalidValue(`LogDeliveryConfigurations: ${member} must be provided.`)
  return value
}

const typeOf = ({ LogType }: Request): LogDelivery['logType'] =>
  required('LogType', oneOf('LogType', LogType, ['slow-log', 'engine-log'] as const))

const checkEngine = (logType: LogDelivery['logType'], { engine, engineVersion }: Engine): void => {
  if (engine === 'memcached') throw invalidCombination('LogDeliveryConfigurations cannot be given for Memcached.')
  if (engine === 'redis' && compareVersions(engineVersion, firstVersion[logType]) < 0)
    throw invalidCombination(`The log type ${logType} needs Redis OSS ${firstVersion[logType]} or later, found ${engineVersion}.`)
}

const names = /^[A-Za-z0-9_./#-]{1,512}$/

const destinationOf = (type: LogDelivery['destinationType'], details: DestinationDetails | undefined): string => {
  const isGroup = type === 'cloudwatch-logs'
  const other = isGroup ? details?.KinesisFirehoseDetails : details?.CloudWatchLogsDetails
  if (other !== undefined) throw invalidCombination(`DestinationDetails must be those of the destination type ${type}.`)
  const value = isGroup
    ? required('CloudWatchLogsDetails.LogGroup', details?.CloudWatchLogsDetails?.LogGroup)
    : required('KinesisFirehoseDetails.DeliveryStream', details?.KinesisFirehoseDetails?.DeliveryStream)
  if (!names.test(value))
    throw invalidValue(
      `DestinationDetails: expected the name of a ${isGroup ? 'log group' : 'delivery stream'}, found ${value.slice(0, 200)}`,
    )
  return value
}

/** Null: this type is to be turned off. */
const deliveryOf = (request: Request, engine: Engine): LogDelivery | null => {
  const logType = typeOf(request)
  checkEngine(logType, engine)
  if (request.Enabled === false) return null
  const destinationType = required(
    'DestinationType',
    oneOf('DestinationType', request.DestinationType, ['cloudwatch-logs', 'kinesis-firehose'] as const),
  )
  const destination = destinationOf(destinationType, request.DestinationDetails)
  const format = required('LogFormat', oneOf('LogFormat', request.LogFormat, ['text', 'json'] as const))
  return { logType, destinationType, destination, format }
}

const merged = (present: readonly LogDelivery[], requests: readonly Request[], engine: Engine): Delivery => {
  const types = requests.map(typeOf)
  if (new Set(types).size < types.length) throw invalidCombination('LogDeliveryConfigurations has a log type more than once.')
  const given = requests.map((request) => deliveryOf(request, engine)).filter((delivery) => delivery !== null)
  const all = [...present.filter(({ logType }) => !types.includes(logType)), ...given]
  return all.length === 0 ? {} : { logDelivery: all.toSorted((a, b) => (a.logType < b.logType ? 1 : -1)) }
}

export const newLogDelivery = (input: Wish, engine: Engine): Delivery => merged([], input.LogDeliveryConfigurations ?? [], engine)

/** Types that the request does not name stay as they are. */
export const changedLogDelivery = (present: Delivery, input: Wish, engine: Engine): Delivery => {
  const requests = input.LogDeliveryConfigurations ?? []
  if (requests.length > 0 && input.ApplyImmediately !== true) throw awsTexts.logDeliveryAtOnce()
  return merged(present.logDelivery ?? [], requests, engine)
}
