/**
 * Field numbers of the protobuf form of the built-in kinds, as Kubernetes publishes them in its API's `generated.proto`:
 * `number:name:type`, where s is string, b bool, i integer, y bytes, another word a message, [] a list, {} a map of strings to
 * the type, and ? a scalar whose zero value means something (it is absent otherwise). Volume sources that nothing here uses are
 * left out, and with them ignored.
 */
export const protobufFields: Readonly<Record<string, string>> = {
  Affinity: '1:nodeAffinity:NodeAffinity 2:podAffinity:PodAffinity 3:podAntiAffinity:PodAntiAffinity',
  AggregationRule: '1:clusterRoleSelectors:[]LabelSelector',
  AppArmorProfile: '1:type:s 2:localhostProfile:s?',
  CSIVolumeSource:
    '1:driver:s 2:readOnly:b? 3:fsType:s? 4:volumeAttributes:{}s 5:nodePublishSecretRef:LocalObjectReference',
  Capabilities: '1:add:[]s 2:drop:[]s',
  ClientIPConfig: '1:timeoutSeconds:i?',
  ClusterRole: '1:metadata:ObjectMeta 2:rules:[]PolicyRule 3:aggregationRule:AggregationRule',
  ClusterRoleBinding: '1:metadata:ObjectMeta 2:subjects:[]Subject 3:roleRef:RoleRef',
  ClusterTrustBundleProjection: '1:name:s? 2:signerName:s? 3:labelSelector:LabelSelector 5:optional:b? 4:path:s',
  Condition: '1:type:s 2:status:s 3:observedGeneration:i 4:lastTransitionTime:Time 5:reason:s 6:message:s',
  ConfigMap: '1:metadata:ObjectMeta 4:immutable:b? 2:data:{}s 3:binaryData:{}y',
  ConfigMapEnvSource: '1:localObjectReference:LocalObjectReference 2:optional:b?',
  ConfigMapKeySelector: '1:localObjectReference:LocalObjectReference 2:key:s 3:optional:b?',
  ConfigMapProjection: '1:localObjectReference:LocalObjectReference 2:items:[]KeyToPath 4:optional:b?',
  ConfigMapVolumeSource:
    '1:localObjectReference:LocalObjectReference 2:items:[]KeyToPath 3:defaultMode:i? 4:optional:b?',
  Container:
    '1:name:s 2:image:s 3:command:[]s 4:args:[]s 5:workingDir:s 6:ports:[]ContainerPort 19:envFrom:[]EnvFromSource 7:env:[]EnvVar 8:resources:ResourceRequirements 23:resizePolicy:[]ContainerResizePolicy 24:restartPolicy:s? 25:restartPolicyRules:[]ContainerRestartRule 9:volumeMounts:[]VolumeMount 21:volumeDevices:[]VolumeDevice 10:livenessProbe:Probe 11:readinessProbe:Probe 22:startupProbe:Probe 12:lifecycle:Lifecycle 13:terminationMessagePath:s 20:terminationMessagePolicy:s 14:imagePullPolicy:s 15:securityContext:SecurityContext 16:stdin:b 17:stdinOnce:b 18:tty:b',
  ContainerExtendedResourceRequest: '1:containerName:s 2:resourceName:s 3:requestName:s',
  ContainerPort: '1:name:s 2:hostPort:i 3:containerPort:i 4:protocol:s 5:hostIP:s',
  ContainerResizePolicy: '1:resourceName:s 2:restartPolicy:s',
  ContainerRestartRule: '1:action:s 2:exitCodes:ContainerRestartRuleOnExitCodes',
  ContainerRestartRuleOnExitCodes: '1:operator:s 2:values:[]i',
  ContainerState:
    '1:waiting:ContainerStateWaiting 2:running:ContainerStateRunning 3:terminated:ContainerStateTerminated',
  ContainerStateRunning: '1:startedAt:Time',
  ContainerStateTerminated:
    '1:exitCode:i 2:signal:i 3:reason:s 4:message:s 5:startedAt:Time 6:finishedAt:Time 7:containerID:s',
  ContainerStateWaiting: '1:reason:s 2:message:s',
  ContainerStatus:
    '1:name:s 2:state:ContainerState 3:lastState:ContainerState 4:ready:b 5:restartCount:i 6:image:s 7:imageID:s 8:containerID:s 9:started:b? 10:allocatedResources:{}Quantity 11:resources:ResourceRequirements 12:volumeMounts:[]VolumeMountStatus 13:user:ContainerUser 14:allocatedResourcesStatus:[]ResourceStatus 15:stopSignal:s?',
  ContainerUser: '1:linux:LinuxContainerUser',
  DeleteOptions:
    '1:gracePeriodSeconds:i? 2:preconditions:Preconditions 3:orphanDependents:b? 4:propagationPolicy:s? 5:dryRun:[]s 6:ignoreStoreReadErrorWithClusterBreakingPotential:b?',
  Deployment: '1:metadata:ObjectMeta 2:spec:DeploymentSpec 3:status:DeploymentStatus',
  DeploymentCondition: '1:type:s 2:status:s 6:lastUpdateTime:Time 7:lastTransitionTime:Time 4:reason:s 5:message:s',
  DeploymentSpec:
    '1:replicas:i? 2:selector:LabelSelector 3:template:PodTemplateSpec 4:strategy:DeploymentStrategy 5:minReadySeconds:i 6:revisionHistoryLimit:i? 7:paused:b 9:progressDeadlineSeconds:i?',
  DeploymentStatus:
    '1:observedGeneration:i 2:replicas:i 3:updatedReplicas:i 7:readyReplicas:i 4:availableReplicas:i 5:unavailableReplicas:i 9:terminatingReplicas:i? 6:conditions:[]DeploymentCondition 8:collisionCount:i?',
  DeploymentStrategy: '1:type:s 2:rollingUpdate:RollingUpdateDeployment',
  DownwardAPIProjection: '1:items:[]DownwardAPIVolumeFile',
  DownwardAPIVolumeFile: '1:path:s 2:fieldRef:ObjectFieldSelector 3:resourceFieldRef:ResourceFieldSelector 4:mode:i?',
  DownwardAPIVolumeSource: '1:items:[]DownwardAPIVolumeFile 2:defaultMode:i?',
  EmptyDirVolumeSource: '1:medium:s 2:sizeLimit:Quantity',
  Endpoint:
    '1:addresses:[]s 2:conditions:EndpointConditions 3:hostname:s? 4:targetRef:ObjectReference 5:deprecatedTopology:{}s 6:nodeName:s? 7:zone:s? 8:hints:EndpointHints',
  EndpointConditions: '1:ready:b? 2:serving:b? 3:terminating:b?',
  EndpointHints: '1:forZones:[]ForZone 2:forNodes:[]ForNode',
  EndpointPort: '1:name:s? 2:protocol:s? 3:port:i? 4:appProtocol:s?',
  EndpointSlice: '1:metadata:ObjectMeta 4:addressType:s 2:endpoints:[]Endpoint 3:ports:[]EndpointPort',
  EnvFromSource: '1:prefix:s 2:configMapRef:ConfigMapEnvSource 3:secretRef:SecretEnvSource',
  EnvVar: '1:name:s 2:value:s 3:valueFrom:EnvVarSource',
  EnvVarSource:
    '1:fieldRef:ObjectFieldSelector 2:resourceFieldRef:ResourceFieldSelector 3:configMapKeyRef:ConfigMapKeySelector 4:secretKeyRef:SecretKeySelector 5:fileKeyRef:FileKeySelector',
  EphemeralContainer: '1:ephemeralContainerCommon:EphemeralContainerCommon 2:targetContainerName:s',
  EphemeralContainerCommon:
    '1:name:s 2:image:s 3:command:[]s 4:args:[]s 5:workingDir:s 6:ports:[]ContainerPort 19:envFrom:[]EnvFromSource 7:env:[]EnvVar 8:resources:ResourceRequirements 23:resizePolicy:[]ContainerResizePolicy 24:restartPolicy:s? 25:restartPolicyRules:[]ContainerRestartRule 9:volumeMounts:[]VolumeMount 21:volumeDevices:[]VolumeDevice 10:livenessProbe:Probe 11:readinessProbe:Probe 22:startupProbe:Probe 12:lifecycle:Lifecycle 13:terminationMessagePath:s 20:terminationMessagePolicy:s 14:imagePullPolicy:s 15:securityContext:SecurityContext 16:stdin:b 17:stdinOnce:b 18:tty:b',
  Event:
    '1:metadata:ObjectMeta 2:involvedObject:ObjectReference 3:reason:s 4:message:s 5:source:EventSource 6:firstTimestamp:Time 7:lastTimestamp:Time 8:count:i 9:type:s 10:eventTime:MicroTime 11:series:EventSeries 12:action:s 13:related:ObjectReference 14:reportingComponent:s 15:reportingInstance:s',
  EventSeries: '1:count:i 2:lastObservedTime:MicroTime',
  EventSource: '1:component:s 2:host:s',
  ExecAction: '1:command:[]s',
  ExtraValue: '1:items:[]s',
  FieldSelectorAttributes: '1:rawSelector:s 2:requirements:[]FieldSelectorRequirement',
  FieldSelectorRequirement: '1:key:s 2:operator:s 3:values:[]s',
  FileKeySelector: '1:volumeName:s 2:path:s 3:key:s 4:optional:b?',
  ForNode: '1:name:s',
  ForZone: '1:name:s',
  GRPCAction: '1:port:i 2:service:s?',
  HTTPGetAction: '1:path:s 2:port:IntOrString 3:host:s 4:scheme:s 5:httpHeaders:[]HTTPHeader',
  HTTPHeader: '1:name:s 2:value:s',
  HostAlias: '1:ip:s 2:hostnames:[]s',
  HostIP: '1:ip:s',
  HostPathVolumeSource: '1:path:s 2:type:s?',
  ImageVolumeSource: '1:reference:s 2:pullPolicy:s',
  Job: '1:metadata:ObjectMeta 2:spec:JobSpec 3:status:JobStatus',
  JobCondition: '1:type:s 2:status:s 3:lastProbeTime:Time 4:lastTransitionTime:Time 5:reason:s 6:message:s',
  JobSpec:
    '1:parallelism:i? 2:completions:i? 3:activeDeadlineSeconds:i? 11:podFailurePolicy:PodFailurePolicy 16:successPolicy:SuccessPolicy 7:backoffLimit:i? 12:backoffLimitPerIndex:i? 13:maxFailedIndexes:i? 4:selector:LabelSelector 5:manualSelector:b? 6:template:PodTemplateSpec 8:ttlSecondsAfterFinished:i? 9:completionMode:s? 10:suspend:b? 14:podReplacementPolicy:s? 15:managedBy:s?',
  JobStatus:
    '1:conditions:[]JobCondition 2:startTime:Time 3:completionTime:Time 4:active:i 5:succeeded:i 6:failed:i 11:terminating:i? 7:completedIndexes:s 10:failedIndexes:s? 8:uncountedTerminatedPods:UncountedTerminatedPods 9:ready:i?',
  KeyToPath: '1:key:s 2:path:s 3:mode:i?',
  LabelSelector: '1:matchLabels:{}s 2:matchExpressions:[]LabelSelectorRequirement',
  LabelSelectorAttributes: '1:rawSelector:s 2:requirements:[]LabelSelectorRequirement',
  LabelSelectorRequirement: '1:key:s 2:operator:s 3:values:[]s',
  Lease: '1:metadata:ObjectMeta 2:spec:LeaseSpec',
  LeaseSpec:
    '1:holderIdentity:s? 2:leaseDurationSeconds:i? 3:acquireTime:MicroTime 4:renewTime:MicroTime 5:leaseTransitions:i? 6:strategy:s? 7:preferredHolder:s?',
  Lifecycle: '1:postStart:LifecycleHandler 2:preStop:LifecycleHandler 3:stopSignal:s?',
  LifecycleHandler: '1:exec:ExecAction 2:httpGet:HTTPGetAction 3:tcpSocket:TCPSocketAction 4:sleep:SleepAction',
  LinuxContainerUser: '1:uid:i 2:gid:i 3:supplementalGroups:[]i',
  LoadBalancerIngress: '1:ip:s 2:hostname:s 3:ipMode:s? 4:ports:[]PortStatus',
  LoadBalancerStatus: '1:ingress:[]LoadBalancerIngress',
  LocalObjectReference: '1:name:s',
  LocalSubjectAccessReview: '1:metadata:ObjectMeta 2:spec:SubjectAccessReviewSpec 3:status:SubjectAccessReviewStatus',
  ManagedFieldsEntry:
    '1:manager:s 2:operation:s 3:apiVersion:s 4:time:Time 6:fieldsType:s 7:fieldsV1:FieldsV1 8:subresource:s',
  ModernEvent:
    '1:metadata:ObjectMeta 2:eventTime:MicroTime 3:series:ModernEventSeries 4:reportingController:s 5:reportingInstance:s 6:action:s 7:reason:s 8:regarding:ObjectReference 9:related:ObjectReference 10:note:s 11:type:s 12:deprecatedSource:EventSource 13:deprecatedFirstTimestamp:Time 14:deprecatedLastTimestamp:Time 15:deprecatedCount:i',
  ModernEventSeries: '1:count:i 2:lastObservedTime:MicroTime',
  Namespace: '1:metadata:ObjectMeta 2:spec:NamespaceSpec 3:status:NamespaceStatus',
  NamespaceCondition: '1:type:s 2:status:s 4:lastTransitionTime:Time 5:reason:s 6:message:s',
  NamespaceSpec: '1:finalizers:[]s',
  NamespaceStatus: '1:phase:s 2:conditions:[]NamespaceCondition',
  NodeAffinity:
    '1:requiredDuringSchedulingIgnoredDuringExecution:NodeSelector 2:preferredDuringSchedulingIgnoredDuringExecution:[]PreferredSchedulingTerm',
  NodeSelector: '1:nodeSelectorTerms:[]NodeSelectorTerm',
  NodeSelectorRequirement: '1:key:s 2:operator:s 3:values:[]s',
  NodeSelectorTerm: '1:matchExpressions:[]NodeSelectorRequirement 2:matchFields:[]NodeSelectorRequirement',
  NonResourceAttributes: '1:path:s 2:verb:s',
  NonResourceRule: '1:verbs:[]s 2:nonResourceURLs:[]s',
  ObjectFieldSelector: '1:apiVersion:s 2:fieldPath:s',
  ObjectMeta:
    '1:name:s 2:generateName:s 3:namespace:s 4:selfLink:s 5:uid:s 6:resourceVersion:s 7:generation:i 8:creationTimestamp:Time 9:deletionTimestamp:Time 10:deletionGracePeriodSeconds:i? 11:labels:{}s 12:annotations:{}s 13:ownerReferences:[]OwnerReference 14:finalizers:[]s 17:managedFields:[]ManagedFieldsEntry',
  ObjectReference: '1:kind:s 2:namespace:s 3:name:s 4:uid:s 5:apiVersion:s 6:resourceVersion:s 7:fieldPath:s',
  OwnerReference: '5:apiVersion:s 1:kind:s 3:name:s 4:uid:s 6:controller:b? 7:blockOwnerDeletion:b?',
  PersistentVolumeClaimVolumeSource: '1:claimName:s 2:readOnly:b',
  Pod: '1:metadata:ObjectMeta 2:spec:PodSpec 3:status:PodStatus',
  PodAffinity:
    '1:requiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm 2:preferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm',
  PodAffinityTerm:
    '1:labelSelector:LabelSelector 2:namespaces:[]s 3:topologyKey:s 4:namespaceSelector:LabelSelector 5:matchLabelKeys:[]s 6:mismatchLabelKeys:[]s',
  PodAntiAffinity:
    '1:requiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm 2:preferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm',
  PodCertificateProjection:
    '1:signerName:s 2:keyType:s 3:maxExpirationSeconds:i? 4:credentialBundlePath:s 5:keyPath:s 6:certificateChainPath:s',
  PodCondition:
    '1:type:s 7:observedGeneration:i 2:status:s 3:lastProbeTime:Time 4:lastTransitionTime:Time 5:reason:s 6:message:s',
  PodDNSConfig: '1:nameservers:[]s 2:searches:[]s 3:options:[]PodDNSConfigOption',
  PodDNSConfigOption: '1:name:s 2:value:s?',
  PodDisruptionBudget: '1:metadata:ObjectMeta 2:spec:PodDisruptionBudgetSpec 3:status:PodDisruptionBudgetStatus',
  PodDisruptionBudgetSpec:
    '1:minAvailable:IntOrString 2:selector:LabelSelector 3:maxUnavailable:IntOrString 4:unhealthyPodEvictionPolicy:s?',
  PodDisruptionBudgetStatus:
    '1:observedGeneration:i 2:disruptedPods:{}Time 3:disruptionsAllowed:i 4:currentHealthy:i 5:desiredHealthy:i 6:expectedPods:i 7:conditions:[]Condition',
  PodExtendedResourceClaimStatus: '1:requestMappings:[]ContainerExtendedResourceRequest 2:resourceClaimName:s',
  PodFailurePolicy: '1:rules:[]PodFailurePolicyRule',
  PodFailurePolicyOnExitCodesRequirement: '1:containerName:s? 2:operator:s 3:values:[]i',
  PodFailurePolicyOnPodConditionsPattern: '1:type:s 2:status:s',
  PodFailurePolicyRule:
    '1:action:s 2:onExitCodes:PodFailurePolicyOnExitCodesRequirement 3:onPodConditions:[]PodFailurePolicyOnPodConditionsPattern',
  PodIP: '1:ip:s',
  PodOS: '1:name:s',
  PodReadinessGate: '1:conditionType:s',
  PodResourceClaimStatus: '1:name:s 2:resourceClaimName:s?',
  PodSecurityContext:
    '1:seLinuxOptions:SELinuxOptions 2:runAsUser:i? 6:runAsGroup:i? 3:runAsNonRoot:b? 4:supplementalGroups:[]i 12:supplementalGroupsPolicy:s? 5:fsGroup:i? 7:sysctls:[]Sysctl 9:fsGroupChangePolicy:s? 10:seccompProfile:SeccompProfile 11:appArmorProfile:AppArmorProfile 13:seLinuxChangePolicy:s?',
  PodSpec:
    '1:volumes:[]Volume 20:initContainers:[]Container 2:containers:[]Container 34:ephemeralContainers:[]EphemeralContainer 3:restartPolicy:s 4:terminationGracePeriodSeconds:i? 5:activeDeadlineSeconds:i? 6:dnsPolicy:s 7:nodeSelector:{}s 8:serviceAccountName:s 9:serviceAccount:s 21:automountServiceAccountToken:b? 10:nodeName:s 11:hostNetwork:b 12:hostPID:b 13:hostIPC:b 27:shareProcessNamespace:b? 14:securityContext:PodSecurityContext 15:imagePullSecrets:[]LocalObjectReference 16:hostname:s 17:subdomain:s 18:affinity:Affinity 19:schedulerName:s 22:tolerations:[]Toleration 23:hostAliases:[]HostAlias 24:priorityClassName:s 25:priority:i? 26:dnsConfig:PodDNSConfig 28:readinessGates:[]PodReadinessGate 29:runtimeClassName:s? 30:enableServiceLinks:b? 31:preemptionPolicy:s? 32:overhead:{}Quantity 33:topologySpreadConstraints:[]TopologySpreadConstraint 35:setHostnameAsFQDN:b? 36:os:PodOS 37:hostUsers:b? 40:resources:ResourceRequirements 41:hostnameOverride:s?',
  PodStatus:
    '17:observedGeneration:i 1:phase:s 2:conditions:[]PodCondition 3:message:s 4:reason:s 11:nominatedNodeName:s 5:hostIP:s 16:hostIPs:[]HostIP 6:podIP:s 12:podIPs:[]PodIP 7:startTime:Time 10:initContainerStatuses:[]ContainerStatus 8:containerStatuses:[]ContainerStatus 9:qosClass:s 13:ephemeralContainerStatuses:[]ContainerStatus 14:resize:s 15:resourceClaimStatuses:[]PodResourceClaimStatus 18:extendedResourceClaimStatus:PodExtendedResourceClaimStatus',
  PodTemplateSpec: '1:metadata:ObjectMeta 2:spec:PodSpec',
  PolicyRule: '1:verbs:[]s 2:apiGroups:[]s 3:resources:[]s 4:resourceNames:[]s 5:nonResourceURLs:[]s',
  PortStatus: '1:port:i 2:protocol:s 3:error:s?',
  Preconditions: '1:uid:s? 2:resourceVersion:s?',
  PreferredSchedulingTerm: '1:weight:i 2:preference:NodeSelectorTerm',
  Probe:
    '1:handler:ProbeHandler 2:initialDelaySeconds:i 3:timeoutSeconds:i 4:periodSeconds:i 5:successThreshold:i 6:failureThreshold:i 7:terminationGracePeriodSeconds:i?',
  ProbeHandler: '1:exec:ExecAction 2:httpGet:HTTPGetAction 3:tcpSocket:TCPSocketAction 4:grpc:GRPCAction',
  ProjectedVolumeSource: '1:sources:[]VolumeProjection 2:defaultMode:i?',
  ResourceAttributes:
    '1:namespace:s 2:verb:s 3:group:s 4:version:s 5:resource:s 6:subresource:s 7:name:s 8:fieldSelector:FieldSelectorAttributes 9:labelSelector:LabelSelectorAttributes',
  ResourceFieldSelector: '1:containerName:s 2:resource:s 3:divisor:Quantity',
  ResourceHealth: '1:resourceID:s 2:health:s',
  ResourceRequirements: '1:limits:{}Quantity 2:requests:{}Quantity',
  ResourceRule: '1:verbs:[]s 2:apiGroups:[]s 3:resources:[]s 4:resourceNames:[]s',
  ResourceStatus: '1:name:s 2:resources:[]ResourceHealth',
  Role: '1:metadata:ObjectMeta 2:rules:[]PolicyRule',
  RoleBinding: '1:metadata:ObjectMeta 2:subjects:[]Subject 3:roleRef:RoleRef',
  RoleRef: '1:apiGroup:s 2:kind:s 3:name:s',
  RollingUpdateDeployment: '1:maxUnavailable:IntOrString 2:maxSurge:IntOrString',
  RollingUpdateStatefulSetStrategy: '1:partition:i? 2:maxUnavailable:IntOrString',
  SELinuxOptions: '1:user:s 2:role:s 3:type:s 4:level:s',
  SeccompProfile: '1:type:s 2:localhostProfile:s?',
  Secret: '1:metadata:ObjectMeta 5:immutable:b? 2:data:{}y 4:stringData:{}s 3:type:s',
  SecretEnvSource: '1:localObjectReference:LocalObjectReference 2:optional:b?',
  SecretKeySelector: '1:localObjectReference:LocalObjectReference 2:key:s 3:optional:b?',
  SecretProjection: '1:localObjectReference:LocalObjectReference 2:items:[]KeyToPath 4:optional:b?',
  SecretVolumeSource: '1:secretName:s 2:items:[]KeyToPath 3:defaultMode:i? 4:optional:b?',
  SecurityContext:
    '1:capabilities:Capabilities 2:privileged:b? 3:seLinuxOptions:SELinuxOptions 4:runAsUser:i? 8:runAsGroup:i? 5:runAsNonRoot:b? 6:readOnlyRootFilesystem:b? 7:allowPrivilegeEscalation:b? 9:procMount:s? 11:seccompProfile:SeccompProfile 12:appArmorProfile:AppArmorProfile',
  SelfSubjectAccessReview:
    '1:metadata:ObjectMeta 2:spec:SelfSubjectAccessReviewSpec 3:status:SubjectAccessReviewStatus',
  SelfSubjectAccessReviewSpec: '1:resourceAttributes:ResourceAttributes 2:nonResourceAttributes:NonResourceAttributes',
  SelfSubjectReview: '1:metadata:ObjectMeta 2:status:SelfSubjectReviewStatus',
  SelfSubjectReviewStatus: '1:userInfo:UserInfo',
  SelfSubjectRulesReview: '1:metadata:ObjectMeta 2:spec:SelfSubjectRulesReviewSpec 3:status:SubjectRulesReviewStatus',
  SelfSubjectRulesReviewSpec: '1:namespace:s',
  Service: '1:metadata:ObjectMeta 2:spec:ServiceSpec 3:status:ServiceStatus',
  ServiceAccount:
    '1:metadata:ObjectMeta 2:secrets:[]ObjectReference 3:imagePullSecrets:[]LocalObjectReference 4:automountServiceAccountToken:b?',
  ServiceAccountTokenProjection: '1:audience:s 2:expirationSeconds:i? 3:path:s',
  ServicePort: '1:name:s 2:protocol:s 6:appProtocol:s? 3:port:i 4:targetPort:IntOrString 5:nodePort:i',
  ServiceSpec:
    '1:ports:[]ServicePort 2:selector:{}s 3:clusterIP:s 18:clusterIPs:[]s 4:type:s 5:externalIPs:[]s 7:sessionAffinity:s 8:loadBalancerIP:s 9:loadBalancerSourceRanges:[]s 10:externalName:s 11:externalTrafficPolicy:s 12:healthCheckNodePort:i 13:publishNotReadyAddresses:b 14:sessionAffinityConfig:SessionAffinityConfig 19:ipFamilies:[]s 17:ipFamilyPolicy:s? 20:allocateLoadBalancerNodePorts:b? 21:loadBalancerClass:s? 22:internalTrafficPolicy:s? 23:trafficDistribution:s?',
  ServiceStatus: '1:loadBalancer:LoadBalancerStatus 2:conditions:[]Condition',
  SessionAffinityConfig: '1:clientIP:ClientIPConfig',
  SleepAction: '1:seconds:i',
  StatefulSet: '1:metadata:ObjectMeta 2:spec:StatefulSetSpec 3:status:StatefulSetStatus',
  StatefulSetCondition: '1:type:s 2:status:s 3:lastTransitionTime:Time 4:reason:s 5:message:s',
  StatefulSetOrdinals: '1:start:i',
  StatefulSetPersistentVolumeClaimRetentionPolicy: '1:whenDeleted:s 2:whenScaled:s',
  StatefulSetSpec:
    '1:replicas:i? 2:selector:LabelSelector 3:template:PodTemplateSpec 5:serviceName:s 6:podManagementPolicy:s 7:updateStrategy:StatefulSetUpdateStrategy 8:revisionHistoryLimit:i? 9:minReadySeconds:i 10:persistentVolumeClaimRetentionPolicy:StatefulSetPersistentVolumeClaimRetentionPolicy 11:ordinals:StatefulSetOrdinals',
  StatefulSetStatus:
    '1:observedGeneration:i? 2:replicas:i 3:readyReplicas:i 4:currentReplicas:i 5:updatedReplicas:i 6:currentRevision:s 7:updateRevision:s 9:collisionCount:i? 10:conditions:[]StatefulSetCondition 11:availableReplicas:i',
  StatefulSetUpdateStrategy: '1:type:s 2:rollingUpdate:RollingUpdateStatefulSetStrategy',
  Subject: '1:kind:s 2:apiGroup:s 3:name:s 4:namespace:s',
  SubjectAccessReview: '1:metadata:ObjectMeta 2:spec:SubjectAccessReviewSpec 3:status:SubjectAccessReviewStatus',
  SubjectAccessReviewSpec:
    '1:resourceAttributes:ResourceAttributes 2:nonResourceAttributes:NonResourceAttributes 3:user:s 4:groups:[]s 5:extra:{}ExtraValue 6:uid:s',
  SubjectAccessReviewStatus: '1:allowed:b 4:denied:b 2:reason:s 3:evaluationError:s',
  SubjectRulesReviewStatus:
    '1:resourceRules:[]ResourceRule 2:nonResourceRules:[]NonResourceRule 3:incomplete:b 4:evaluationError:s',
  SuccessPolicy: '1:rules:[]SuccessPolicyRule',
  SuccessPolicyRule: '1:succeededIndexes:s? 2:succeededCount:i?',
  Sysctl: '1:name:s 2:value:s',
  TCPSocketAction: '1:port:IntOrString 2:host:s',
  TokenReview: '1:metadata:ObjectMeta 2:spec:TokenReviewSpec 3:status:TokenReviewStatus',
  TokenReviewSpec: '1:token:s 2:audiences:[]s',
  TokenReviewStatus: '1:authenticated:b 2:user:UserInfo 4:audiences:[]s 3:error:s',
  Toleration: '1:key:s 2:operator:s 3:value:s 4:effect:s 5:tolerationSeconds:i?',
  TopologySpreadConstraint:
    '1:maxSkew:i 2:topologyKey:s 3:whenUnsatisfiable:s 4:labelSelector:LabelSelector 5:minDomains:i? 6:nodeAffinityPolicy:s? 7:nodeTaintsPolicy:s? 8:matchLabelKeys:[]s',
  UncountedTerminatedPods: '1:succeeded:[]s 2:failed:[]s',
  UserInfo: '1:username:s 2:uid:s 3:groups:[]s 4:extra:{}ExtraValue',
  Volume: '1:name:s 2:volumeSource:VolumeSource',
  VolumeDevice: '1:name:s 2:devicePath:s',
  VolumeMount:
    '1:name:s 2:readOnly:b 7:recursiveReadOnly:s? 3:mountPath:s 4:subPath:s 5:mountPropagation:s? 6:subPathExpr:s',
  VolumeMountStatus: '1:name:s 2:mountPath:s 3:readOnly:b 4:recursiveReadOnly:s?',
  VolumeProjection:
    '1:secret:SecretProjection 2:downwardAPI:DownwardAPIProjection 3:configMap:ConfigMapProjection 4:serviceAccountToken:ServiceAccountTokenProjection 5:clusterTrustBundle:ClusterTrustBundleProjection 6:podCertificate:PodCertificateProjection',
  VolumeSource:
    '1:hostPath:HostPathVolumeSource 2:emptyDir:EmptyDirVolumeSource 6:secret:SecretVolumeSource 10:persistentVolumeClaim:PersistentVolumeClaimVolumeSource 16:downwardAPI:DownwardAPIVolumeSource 19:configMap:ConfigMapVolumeSource 26:projected:ProjectedVolumeSource 28:csi:CSIVolumeSource 30:image:ImageVolumeSource',
  WeightedPodAffinityTerm: '1:weight:i 2:podAffinityTerm:PodAffinityTerm',
};
