import type { Fault } from '../../../errors.ts'
import { commonError, type WireError } from './error.ts'
import { errors } from './schema.ts'

/** The only place where a fault gets its wire code and HTTP status. Null: no such error is known, which is a mistake of ours. */
export const wireError = (fault: Fault): WireError | null => {
  const schema = errors.get(fault.shape)
  if (schema !== undefined) return { code: schema.code, status: schema.status, message: fault.message }
  return commonError(fault)
}
