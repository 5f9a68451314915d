/** What the operations of IAM share: their context, how a user is found and changed, and the form of answers. */
import { Fault } from '../../../errors.ts'
import { type IamUser, iamUserKey } from '../../../model/iam.ts'
import { put, readRecord, unchanged, type Versioned } from '../../../ports/records.ts'
import type { Operation } from '../../../ports/store.ts'
import type { Sealer } from '../../../security/seal.ts'
import type { Caller } from '../../../security/sigv4.ts'
import type { ActionContext } from '../../action.ts'
import { escapeXml } from '../../protocols/query/xml.ts'
import type { Parameters } from './input.ts'
import { userNameOf } from './input.ts'

export interface IamContext extends Pick<ActionContext, 'store' | 'account' | 'clock'> {
  readonly caller: Caller
  readonly sealer: Sealer
}

/** `known`: the parameters it has. Gives the XML of its result; null: it has none. */
export interface IamOperation {
  readonly known: readonly string[]
  readonly run: (parameters: Parameters, context: IamContext) => Promise<string | null>
}

export const element = (name: string, text: string): string => `<${name}>${escapeXml(text)}</${name}>`
/** To the second, as IAM has it. */
export const dateElement = (name: string, ms: number): string => element(name, new Date(ms).toISOString().replace(/\.\d{3}/, ''))
export const pageElements = (marker: string | null): string =>
  marker === null ? '<IsTruncated>false</IsTruncated>' : `<IsTruncated>true</IsTruncated>${element('Marker', marker)}`

/** The user that is named, or else the one that asks. Throws `ValidationError` for the root, which is no user. */
export const namedOrCaller = (parameters: Parameters, { user }: Caller): string => {
  if (parameters.has('UserName')) return userNameOf(parameters)
  if (user !== undefined) return user.name
  throw new Fault('ValidationError', 'Must specify userName when calling with non-User credentials')
}

const notFound = (name: string): Fault => new Fault('NoSuchEntity', `The user with name ${name} cannot be found.`)

/** Null also for a name in other letters than those that were given: what a policy says of `bob` must hold for whoever is found. */
export const readUser = async (context: Pick<IamContext, 'store'>, name: string): Promise<Versioned<IamUser> | null> => {
  const record = await readRecord<IamUser>(context.store, iamUserKey(name))
  return record?.value.name === name ? record : null
}

/** Throws `NoSuchEntity`. */
export const findUser = async (context: IamContext, name: string): Promise<Versioned<IamUser>> => {
  const record = await readUser(context, name)
  if (record === null) throw notFound(name)
  return record
}

/** One attempt to write the user back, with what belongs to it. Null: somebody else was faster. */
export const writeUser = async (
  context: IamContext,
  record: Versioned<IamUser>,
  changed: Partial<IamUser>,
  more: readonly Operation[] = [],
): Promise<true | null> => {
  const result = await context.store.transact([unchanged(record)], [put(record.key, { ...record.value, ...changed }), ...more])
  return result.ok ? true : null
}
