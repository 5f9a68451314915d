import { wireError } from '../../protocols/query/fault.ts'
import { refuseAmbiguous } from '../../protocols/query/form.ts'
import { queryProtocol } from '../../protocols/query/protocol.ts'
import { aboutEverything, type Service } from '../../service.ts'
import { answerSts, stsNamespace, stsVersion } from './answer.ts'

export const sts: Service = {
  name: 'sts',
  policyName: 'sts',
  version: stsVersion,
  protocol: queryProtocol(stsNamespace),
  wireError,
  prepare: (_dependencies, { action, input, caller, requestId }) => {
    refuseAmbiguous(input)
    return {
      about: () => ({ ...aboutEverything, isFree: action === 'GetCallerIdentity' }),
      answer: async () => answerSts(action, caller, requestId),
    }
  },
}
