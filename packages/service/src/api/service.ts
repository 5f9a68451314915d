/**
 * A service of AWS, as it is asked here: how its requests and answers look, what a call is about, and what it does. A new one is a folder with one of these,
 * and a line in `services.ts`.
 */
import type { Fault } from '../errors.ts'
import type { Tag } from '../model/group.ts'
import type { Sealer } from '../security/seal.ts'
import type { Caller, SignedRequest } from '../security/sigv4.ts'
import type { Action, ActionContext } from './action.ts'
import type { WireError } from './protocols/query/error.ts'

/** Of a form: each name once. */
export type Parameters = ReadonlyMap<string, string>

export type Actions = Readonly<Record<string, Action<never, object>>>

/** What a request says, whoever reads it. */
export interface Said<Input> {
  readonly action: string
  /** Null: the protocol has none. */
  readonly version: string | null
  readonly input: Input
}

/** Content types of answers. */
export type AnswerType = 'text/xml' | 'application/x-amz-json-1.1'

/** The form of requests and answers. */
export interface Protocol<Input> {
  readonly type: AnswerType
  /** Throws the faults of a request that has not the form. */
  read(request: SignedRequest): Said<Input>
  encodeError(error: WireError, requestId: string): string
}

/** What a call is about, for policies and for the audit log. */
export interface About {
  /** ARNs; `*` where it is about nothing in particular. */
  readonly resources: readonly string[]
  readonly tags: readonly Tag[]
  readonly tagKeys: readonly string[]
  /** Permissions that tags need which come with something new. */
  readonly taggedBy: readonly string[]
  /** Everybody may ask, as on AWS. */
  readonly isFree?: boolean
}

export const aboutEverything: About = { resources: ['*'], tags: [], tagKeys: [], taggedBy: [] }

/** A call of which the caller is known, before it is known whether he may make it. */
export interface Asking<Input> {
  readonly action: string
  readonly input: Input
  readonly caller: Caller
  readonly context: ActionContext
  readonly requestId: string
  /** A call of another service, authorised and carried out in the name of the same caller. Gives its answer. */
  readonly forward: (service: string, action: string, parameters: Parameters) => Promise<string>
}

export interface ServiceDependencies {
  /** The operations of ElastiCache. */
  readonly actions: Actions
  /** For the secrets of access keys. */
  readonly sealer: Sealer
}

export interface Prepared {
  /** Throws the faults of an input that cannot be read. Nothing is done. */
  about(): About | Promise<About>
  /** Only where the caller may. Gives the body of the answer. */
  answer(): Promise<string>
}

export interface Service<Input = Parameters> {
  /** In the scope of a signature. */
  readonly name: string
  /** In policies. */
  readonly policyName: string
  /** Null: its requests carry none. */
  readonly version: string | null
  readonly protocol: Protocol<Input>
  /** Null: no such error is known, which is a mistake of ours. */
  wireError(fault: Fault): WireError | null
  /** Throws for an operation that is not there where that is told to everybody. */
  prepare(dependencies: ServiceDependencies, asking: Asking<Input>): Prepared
}
