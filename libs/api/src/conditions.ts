/** Only where a route names the object in a way that cannot be carried. */
const routesSupported = {
  UnsupportedRouteKind: 'UnsupportedRouteKind',
  /** As the target of a request mirror. */
  UnsupportedMirror: 'UnsupportedMirror',
} as const;

/**
 * The types of conditions that the operator writes, and the reasons of each, by kind. `Ready` is on every kind and
 * sums up the others; the reason of the first that fails is its reason. `True` reasons come first.
 */
export const conditionReasons = {
  TailscaleTailnet: {
    Ready: {
      Ready: 'Ready',
      /** Not looked at yet. */
      Pending: 'Pending',
      SecretNotFound: 'SecretNotFound',
      /** The Secret lacks client_id or client_secret. */
      SecretInvalid: 'SecretInvalid',
      /** The control plane refuses the credential. */
      CredentialsInvalid: 'CredentialsInvalid',
      /** The credential is good, but may not do what is needed. */
      PermissionDenied: 'PermissionDenied',
      TailnetNotFound: 'TailnetNotFound',
      RateLimited: 'RateLimited',
      /** The control plane, or the coordinator, does not answer. */
      Unreachable: 'Unreachable',
      /** The spec is invalid. */
      NotAccepted: 'NotAccepted',
    },
  },
  TailscaleEndpoints: {
    Ready: {
      Ready: 'Ready',
      Pending: 'Pending',
      /** See `Accepted`. */
      NotAccepted: 'NotAccepted',
      TailnetNotFound: 'TailnetNotFound',
      TailnetNotReady: 'TailnetNotReady',
      NoEndpoints: 'NoEndpoints',
      AllEndpointsUnhealthy: 'AllEndpointsUnhealthy',
      /** See `ProxiesReady`. */
      ProxiesNotReady: 'ProxiesNotReady',
    },
    Accepted: { Accepted: 'Accepted', Invalid: 'Invalid' },
    ProxiesReady: {
      Ready: 'Ready',
      /** None are needed. */
      NotNeeded: 'NotNeeded',
      /** Proxies are needed, and this version runs none. */
      NotSupported: 'NotSupported',
      Progressing: 'Progressing',
      Failed: 'Failed',
      AuthKeyFailed: 'AuthKeyFailed',
      /** The namespace's Pod Security refuses what the proxies need. */
      PodSecurityDenied: 'PodSecurityDenied',
    },
    Discovered: {
      Discovered: 'Discovered',
      Disabled: 'Disabled',
      Failed: 'Failed',
      Pending: 'Pending',
      /** Asked for, and this version does not do it. */
      NotSupported: 'NotSupported',
    },
    RoutesSupported: routesSupported,
  },
  TailscaleServices: {
    Ready: {
      Ready: 'Ready',
      Pending: 'Pending',
      NotAccepted: 'NotAccepted',
      NoBackends: 'NoBackends',
      AllBackendsUnhealthy: 'AllBackendsUnhealthy',
      /** See `Programmed`. */
      NotProgrammed: 'NotProgrammed',
    },
    Accepted: { Accepted: 'Accepted', Invalid: 'Invalid', SelectorInvalid: 'SelectorInvalid' },
    Programmed: {
      Programmed: 'Programmed',
      Pending: 'Pending',
      /** No selected TailscaleEndpoints says which tailnet the VIP service belongs to. */
      TailnetUnknown: 'TailnetUnknown',
      VIPServiceFailed: 'VIPServiceFailed',
      /** The coordinator does not answer. */
      CoordinatorUnreachable: 'CoordinatorUnreachable',
      /** The coordinator answers, the tailnet's control plane does not. */
      TailnetUnreachable: 'TailnetUnreachable',
      RateLimited: 'RateLimited',
      /** The control plane has no VIP services. */
      Unsupported: 'Unsupported',
      /** Not needed: the backends are attached to what others made. */
      Attached: 'Attached',
    },
    /** Whether the spec is what the owner of the VIP service wrote. */
    Coordinated: { Owner: 'Owner', Consumer: 'Consumer', SpecConflict: 'SpecConflict' },
    /** Whether the hosts of the VIP service are approved in the tailnet. */
    Approved: { Approved: 'Approved', ApprovalRequired: 'ApprovalRequired', NotRequested: 'NotRequested' },
    EndpointTemplateValid: {
      Valid: 'Valid',
      /** No labels that the template could have match the selector. */
      NeverMatches: 'NeverMatches',
      /** An object of that name is there and not ours. */
      NameConflict: 'NameConflict',
      TailnetNotFound: 'TailnetNotFound',
      /** Asked for, and this version does not do it. */
      NotSupported: 'NotSupported',
    },
    /** Whether VIP services of the tailnet were found that match `vipServiceSelector`. */
    Discovered: { Discovered: 'Discovered', NotSupported: 'NotSupported' },
    FailoverConfigured: { Configured: 'Configured', NoTiers: 'NoTiers', UnknownEndpoints: 'UnknownEndpoints' },
    /** Only where the strategy is weighted and `weights` is set. */
    WeightsConfigured: { Configured: 'Configured', UnknownEndpoints: 'UnknownEndpoints' },
    RoutesSupported: routesSupported,
  },
  TailscaleGateway: {
    Ready: {
      Ready: 'Ready',
      Pending: 'Pending',
      NotAccepted: 'NotAccepted',
      TailnetNotFound: 'TailnetNotFound',
      TailnetNotReady: 'TailnetNotReady',
      ExtensionServerNotReady: 'ExtensionServerNotReady',
      /** This version does not act upon it. */
      NotSupported: 'NotSupported',
    },
    Accepted: {
      Accepted: 'Accepted',
      Invalid: 'Invalid',
      GatewayNotFound: 'GatewayNotFound',
      /** A reference names a kind that cannot stand there. */
      InvalidKind: 'InvalidKind',
      RefNotPermitted: 'RefNotPermitted',
    },
    /** True also where the deployment decides, and not `spec.extensionServer`. */
    ExtensionServerReady: {
      Ready: 'Ready',
      ManagedByDeployment: 'ManagedByDeployment',
      NotReady: 'NotReady',
      Unreachable: 'Unreachable',
    },
    /** Whether Envoy's bootstrap knows the extension server. */
    BootstrapConfigured: {
      Configured: 'Configured',
      /** The Gateway names its own EnvoyProxy: the message shows what to add there. */
      SnippetNeeded: 'SnippetNeeded',
      Unknown: 'Unknown',
    },
    /** Whether all routes that use our kinds are of kinds that can be served. */
    RoutesSupported: { Supported: 'Supported', UnsupportedRouteKind: 'UnsupportedRouteKind' },
  },
  TailscaleRoutePolicy: {
    Ready: { Ready: 'Ready', Pending: 'Pending', NotAccepted: 'NotAccepted', NotSupported: 'NotSupported' },
    /** The reasons of Gateway API's policies. */
    Accepted: { Accepted: 'Accepted', Conflicted: 'Conflicted', Invalid: 'Invalid', TargetNotFound: 'TargetNotFound' },
  },
} as const;
