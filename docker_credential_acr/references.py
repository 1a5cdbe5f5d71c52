"""The references of errors: for each its cause, how to check it, how to fix it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    cause: str
    check: str
    fix: str


REFERENCES: dict[str, Reference] = {
    "no-input": Reference(
        "The verbs get, store and erase read the registry's host (store: a JSON object) from standard input, and nothing came within 5 seconds, or it was not closed.",
        "Run: echo myregistry.azurecr.io | docker-credential-acr get",
        "Give the host on standard input and close it. Docker and its kin do so by themselves.",
    ),
    "input-too-long": Reference(
        "More came on standard input than a host (64 KiB) or a login (1 MiB) can have.",
        "Look at what the client or script sends.",
        "Send one host to get and erase, one JSON object to store.",
    ),
    "bad-login": Reference(
        "store was given something else than the JSON object of the protocol.",
        "It has the members ServerURL, Username and Secret, all of them texts.",
        "Use the client's own login command; if it is a script's, correct the object.",
    ),
    "store-not-ours": Reference(
        "A client wants to keep the login of a registry that is not Azure's here. It was refused rather than dropped silently.",
        "Look for credsStore in Docker's config.json: it sends every registry's login here.",
        'Use credHelpers with the registry\'s host instead: {"credHelpers": {"NAME.azurecr.io": "acr"}}; or name the helper for all others in the settings: fallback = "desktop".',
    ),
    "store-not-kept": Reference(
        "docker login gave a login to keep, or docker logout one to forget, and there was no place to write it to.",
        "ls -ld on the folder that the message names; df",
        "Make it writable for this user. No docker login is needed where the settings say how to sign in.",
    ),
    "login-in-file": Reference(
        "docker login gave a password to keep, and this system has no store for passwords that works, so it lies in a file that only you can read, as Docker keeps it, too.",
        "docker-credential-pass list; docker-credential-secretservice list (in the desktop's session); ACR_CRED_DEBUG=FILE says why each was passed over.",
        'Install one of them, set it up and log in again; or set store = "file" in the settings if a file is what you want.',
    ),
    "login-lost": Reference(
        "A login was kept for this registry, and its store does not have it any more, or the login was ended before it was whole.",
        "docker-credential-acr list; docker-credential-STORE list",
        "docker logout HOST, after which the method of the settings signs in; or log in again.",
    ),
    "helper-missing": Reference(
        "The settings (store, fallback) or a kept login name another credential helper, and its program is not on an absolute entry of PATH.",
        "command -v docker-credential-NAME; graphical programs often have a shorter PATH.",
        "Install it, or name another one. To forget a login whose helper is gone for good, remove the file HOST@login from the folder docker-credential-acr/kept in ~/.local/share or ~/Library/Application Support.",
    ),
    "helper-failed": Reference(
        "Another credential helper (store, fallback) did not answer in time, ended with an error or said something that is not the protocol: often what it keeps logins in is locked or not set up.",
        "echo https://x | docker-credential-NAME get, as the same user and in the same session",
        "Unlock the keyring, run pass init, or correct what it says; or name another helper in the settings and log in again.",
    ),
    "helper-nested": Reference(
        "A program that this one has started (a helper, az, a command of the settings) has started this one again, which then starts nothing: a circle would never end.",
        "env | grep ACR_CRED_NESTED; look at the settings of the helper that fallback or store names.",
        "Let that helper keep its own logins rather than ask this program.",
    ),
    "helper-is-us": Reference(
        "fallback or store names a helper that is this very program, by a link or another name.",
        "ls -l $(command -v docker-credential-NAME)",
        "Name the helper that is to answer for the other registries, or leave the key out.",
    ),
    "store-not-a-token": Reference(
        "The user names <token> and 00000000-0000-0000-0000-000000000000 stand for a registry token, and the secret is none, has expired, or is another registry's.",
        "az acr login --name NAME --expose-token prints a token of that registry; its life is about 3 hours.",
        "Leave docker login out: docker pull signs in by itself. Or log in with a fresh token of this very registry.",
    ),
    "no-cache": Reference(
        "There is no cache folder: ACR_CRED_NO_CACHE is set, or there is no home to keep one in.",
        "docker-credential-acr cache path",
        "Unset ACR_CRED_NO_CACHE, or name a folder of your own in ACR_CRED_CACHE_DIR.",
    ),
    "token-is-a-password": Reference(
        "The registry is used with an admin user, a repository token or a kept login: its secret is a password, which stays valid for long.",
        "docker-credential-acr config explain HOST shows the method.",
        "Give --scope for a token that lives minutes, or --password if it is the password that you want.",
    ),
    "clock-wrong": Reference(
        "This machine's clock differs from Microsoft's: tokens look expired, or not valid yet.",
        "date -u; timedatectl",
        "Turn time synchronisation on: timedatectl set-ntp true; in WSL: wsl --shutdown, or hwclock -s.",
    ),
    "permission-missing": Reference(
        "The identity signs in, and the registry does not let it do this in the repository.",
        "docker-credential-acr doctor HOST --repository NAME; the registry's Access control page",
        "Grant AcrPull or AcrPush; on registries with rights for each repository (ABAC) Container Registry Repository Reader or Writer. New grants take up to ten minutes.",
    ),
    "kubelet-setup": Reference(
        "The kubelet of this node is not set up to ask this program, or the program is not where it looks.",
        "ps -o args= -C kubelet",
        "See docs/kubernetes.md. The kubelet does not start when a provider's program is missing: program first, then its configuration.",
    ),
    "bundle-not-written": Reference(
        "The report could not be written. A file that is there already is never overwritten.",
        "ls -l FILE",
        "Name a new file in a folder of yours.",
    ),
    "host-not-ours": Reference(
        "The verb was given a host that is no Azure container registry, so no token may go there.",
        "az acr show --name NAME --query loginServer",
        "Give the login server. A domain of your own is named exactly in the settings, with login_server.",
    ),
    "home-of-another": Reference(
        "The home folder belongs to another user, as with sudo. Files written there would be root's, and that user's docker could not read them.",
        "echo $HOME; id -un; ls -ld $HOME",
        "Run it as the user whose docker it is for. For root's own docker: sudo -H, or HOME=/root.",
    ),
    "program-missing": Reference(
        "docker looks for a program called docker-credential-acr on PATH, and there is none.",
        "command -v docker-credential-acr",
        "Install it into a folder on PATH (pipx: pipx ensurepath), or add its folder to PATH, also for services and CI.",
    ),
    "program-foreign": Reference(
        "Several projects have a program of this name. The one that is first on PATH is not this one.",
        "docker-credential-acr version names the project: (docker_credential_acr).",
        "Remove the other one, or put this one's folder in front of it on PATH.",
    ),
    "path-unsafe": Reference(
        "PATH has an entry in which somebody else can put a program: a folder that everybody may write to, or one that depends on where somebody works. Docker and shells look there for this program; this program looks for az and its like on absolute entries only.",
        "ls -ld on each part of PATH; echo $PATH for empty and relative parts",
        "Take the entry off PATH, or chmod o-w the folder.",
    ),
    "cache-foreign": Reference(
        "A file in the cache's folder is another user's, open to others, a link, or no file at all: often what a sudo has left there. It is never read, and where it is in the way of an entry or a lock, every pull of that registry may sign in.",
        "ls -la on the folder: docker-credential-acr cache path",
        "Remove it. With sudo, docker has a home of its own: do not hand the user's HOME on (sudo -E).",
    ),
    "docker-config": Reference(
        "The config.json of docker, or the auth.json of podman, cannot be read or changed. It was left as it is.",
        "python3 -m json.tool FILE shows the place of a mistake; ls -l shows who may write it.",
        'Correct the file, or add the entry by hand: {"credHelpers": {"NAME.azurecr.io": "acr"}}.',
    ),
    "settings-invalid": Reference(
        "The settings file has a mistake, at the line and key that the message names.",
        "The message gives the nearest spelling or the values that are known.",
        "Correct the line. settings.schema.json in the package lets editors check the file while you type.",
    ),
    "settings-missing": Reference(
        "The settings file cannot be read, or ACR_CRED_CONFIG names one that is not there.",
        "Look at ACR_CRED_CONFIG and at who may read the file.",
        "Correct or unset ACR_CRED_CONFIG. Without a settings file the defaults hold.",
    ),
    "settings-unsafe": Reference(
        "Somebody else may have written the settings file: it belongs to another user, or its group or everybody can change it. Settings decide who gets your credentials and may run commands.",
        "ls -l on the file that the message names",
        "chown it to yourself or root, and chmod go-w.",
    ),
    "environment-file": Reference(
        "The JSON file that AZURE_ENVIRONMENT_FILEPATH names cannot be used as the description of a cloud.",
        "The message names the file and the key. Needed: containerRegistryDNSSuffix, and activeDirectoryEndpoint or resourceManagerEndpoint.",
        "Correct the key, or unset the variable and define the cloud under [clouds.NAME] in the settings.",
    ),
    "cloud-metadata": Reference(
        "A private cloud is defined without the address where it signs in, and its Azure Resource Manager does not give one.",
        "curl ARM_ENDPOINT/metadata/endpoints?api-version=2019-05-01, and look for authentication.loginEndpoint",
        "Set authority in [clouds.NAME], or activeDirectoryEndpoint in the environment file.",
    ),
    "variable-invalid": Reference(
        "An environment variable holds a value that cannot be used.",
        "The message names the variable and what it takes.",
        "Correct or unset it.",
    ),
    "no-method": Reference(
        "The method automatic found nothing to sign in with. It goes by cheap local signs: AZURE_* variables, a workload identity's token file, a managed identity's variables or an Azure machine, a signed-in Azure CLI.",
        "The message gives each method's reason.",
        "Sign in with az login, set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or name a method: docker-credential-acr configure HOST --method METHOD. A laptop without the Azure CLI takes browser, and docker-credential-acr login HOST.",
    ),
    "inputs-missing": Reference(
        "The method lacks something that it signs in with: a tenant, a client id, a secret or a token file.",
        "The message names the key and the variable.",
        "Set one of the two. In CI check that the variable reaches the step that runs docker.",
    ),
    "secret-unreadable": Reference(
        "A secret or token comes from a file or command of the settings, and could not be had from there.",
        "Read the file or run the command as the same user.",
        "Correct path and rights; the value stands alone on one line.",
    ),
    "client-secret-refused": Reference(
        "Entra knows the app, but not this client secret (AADSTS7000215).",
        "In the portal, App registrations, Certificates & secrets: the Secret ID is not the secret's value.",
        "Create a new secret and give its value. Check that client id and secret are of the same app.",
    ),
    "client-secret-expired": Reference(
        "The client secret was right and has expired (AADSTS7000222).",
        "az ad app credential list --id CLIENT_ID",
        "Create a new secret, or move to a federated credential, which has none.",
    ),
    "certificate-refused": Reference(
        "Entra knows the app, but this certificate is not one of it (AADSTS700027), or is out of its time (AADSTS1000502).",
        "az ad app credential list --cert --id CLIENT_ID, and openssl x509 -noout -fingerprint -dates -in FILE",
        "Upload the certificate to the app. For subject-name-and-issuer sign-in set send_chain = true.",
    ),
    "certificate-unusable": Reference(
        "The file with the certificate and its private key was read and cannot be used.",
        "openssl pkey -noout -in FILE for PEM, openssl pkcs12 -noout -in FILE for PKCS#12",
        "Give one file with the certificate and its own RSA key, and its password by password_env or password_file if it has one.",
    ),
    "app-unknown": Reference(
        "The tenant has no app or service principal with this client id (AADSTS700016).",
        "az ad sp show --id CLIENT_ID, signed in to that tenant",
        "Correct client_id or tenant_id. An app of another tenant needs a service principal in this one (admin consent).",
    ),
    "app-disabled": Reference(
        "The tenant knows the app and has it disabled (AADSTS7000112).",
        "az ad sp show --id CLIENT_ID --query accountEnabled",
        "Have its owner enable it under Enterprise applications, or use another app.",
    ),
    "tenant-unknown": Reference(
        "Entra does not know the tenant, or it lives in another cloud.",
        "az account show --query tenantId",
        "Correct tenant_id or AZURE_TENANT_ID; for China or US Government check the registry's suffix and cloud.",
    ),
    "assertion-refused": Reference(
        "The federated token is genuine for somebody, but no federated credential of the app trusts its issuer, subject and audience.",
        "az ad app federated-credential list --id CLIENT_ID, and compare with the token's iss, sub and aud.",
        "Add a federated credential with exactly these values. A new one takes a minute to be seen.",
    ),
    "assertion-expired": Reference(
        "The federated token is not valid yet or any more.",
        "date -u, and the time of the last change of the token file",
        "Set the clock; check that the kubelet or CI system renews the token file.",
    ),
    "audience-unknown": Reference(
        "The tenant or cloud knows neither the registry audience nor, where tried, ARM's (AADSTS500011, AADSTS50001).",
        "A disconnected cloud may know another audience.",
        "Set audience in the registry's settings, or define the cloud under [clouds.NAME].",
    ),
    "authority-unknown": Reference(
        "AZURE_AUTHORITY_HOST names a sign-in address that Microsoft does not know. Secrets are not sent to such addresses because of a variable alone.",
        "echo $AZURE_AUTHORITY_HOST",
        "Unset it, or define the private cloud under [clouds.NAME] in the settings.",
    ),
    "sign-in-blocked": Reference(
        "Conditional Access or a second factor stands in the way, which a program cannot satisfy.",
        "The sign-in log of the tenant names the policy.",
        "Sign in again interactively (az login), use a service principal or managed identity, or ask the policy's owner.",
    ),
    "sign-in-expired": Reference(
        "The stored sign-in was revoked or has expired.",
        "az account get-access-token; docker-credential-acr status",
        "Sign in again with the program that the message names: az login, docker-credential-acr login HOST.",
    ),
    "signed-out": Reference(
        "The method browser or device-code renews the sign-in of a person, and nobody is signed in for this registry's tenant, cloud and client id, or somebody has run docker-credential-acr logout.",
        "docker-credential-acr status HOST",
        "Run docker-credential-acr login HOST, as the user that pulls: a sign-in is kept for each user of the machine apart.",
    ),
    "sign-in-unreadable": Reference(
        "A sign-in is kept, but cannot be opened: its file or its key was changed or removed, or it is not encrypted and the settings do not allow that. Nothing was overwritten.",
        "Does the store of its key (keyring, pass, Keychain) open for this user? Was a home folder copied from another machine?",
        "Run docker-credential-acr login HOST: it replaces what cannot be opened.",
    ),
    "sign-in-not-kept": Reference(
        "A sign-in is kept encrypted under a key in the platform's own store, and there is none that works: neither docker-credential-secretservice with an unlocked keyring, nor docker-credential-pass with an initialized password store.",
        "echo x | docker-credential-pass get; echo x | docker-credential-secretservice get",
        "Install one of the two and log in again. allow_unencrypted = true in the settings keeps the sign-in in a file that only you can read. Without a person: a service principal or managed identity.",
    ),
    "sign-in-unfinished": Reference(
        "The sign-in in the browser was declined, not finished in time, or belongs to another attempt.",
        "What did the browser's page say? A page about a redirect address means that the app of client_id does not have http://localhost among its mobile and desktop addresses.",
        "Run docker-credential-acr login HOST again; --method device-code works with a browser anywhere, --timeout SECONDS gives more time.",
    ),
    "account-unknown": Reference(
        "Entra knows the account, but not in the tenant that was asked, or not for this app, or it is disabled.",
        "Look at tenant_id of the host's table: it is the registry's tenant.",
        "Sign in with an account of that tenant or one that it has invited, or correct tenant_id.",
    ),
    "consent-missing": Reference(
        "The tenant lets apps ask for the registry only after an admin has consented.",
        "Enterprise applications, the app of client_id, Permissions, in the tenant's portal",
        "Have an admin consent there, or leave client_id out: the Azure CLI's needs none.",
    ),
    "app-not-public": Reference(
        "The app of client_id wants a secret or certificate, which a person's sign-in does not have.",
        "App registrations, Authentication: is Allow public client flows on?",
        "Turn it on and add http://localhost as a mobile and desktop address, or leave client_id out.",
    ),
    "sign-in-refused": Reference(
        "Entra refused, for a reason that this program has no words of its own for.",
        "Look the AADSTS number up at https://login.microsoftonline.com/error",
        "As that page says. The correlation id finds the attempt in the tenant's sign-in log.",
    ),
    "entra-throttled": Reference(
        "Entra ID or the metadata service is throttling (HTTP 429).",
        "Are very many jobs signing in at once, each with a cache of its own?",
        "Wait as long as the message says; share the cache folder between jobs (ACR_CRED_CACHE_DIR).",
    ),
    "entra-unavailable": Reference(
        "Entra ID or the metadata service answered with a fault of its own.",
        "https://azure.status.microsoft",
        "Try again in a minute.",
    ),
    "identity-not-found": Reference(
        "The metadata service answers, but this machine has no such managed identity.",
        "az vm identity show, or the Identity page of the machine, app or job",
        "Assign the identity, or select one by client_id, resource_id or object_id in the settings.",
    ),
    "identity-ambiguous": Reference(
        "The machine has several user-assigned managed identities and none of its own, and none was named.",
        "az vm identity show, or the Identity page of the machine",
        "Name one in the settings: client_id, resource_id or object_id; automatic also takes AZURE_CLIENT_ID.",
    ),
    "metadata-unreachable": Reference(
        "No metadata service answers: this is no Azure machine, or a container network blocks 169.254.169.254.",
        "curl -H Metadata:true 'http://169.254.169.254/metadata/instance?api-version=2021-02-01'",
        "Use another method here, or open the way to the metadata service.",
    ),
    "metadata-refused": Reference(
        "The variables that describe this machine's managed identity (IDENTITY_ENDPOINT and its kin) cannot be used.",
        "env | grep -E 'IDENTITY|MSI'",
        "Restart the app so that the platform sets them anew; unset what you set by hand.",
    ),
    "job-token": Reference(
        "The CI system gave the job no OIDC token of its own to sign in with, or did not announce where to ask for one.",
        "In the step: env | cut -d= -f1 | grep -E 'ACTIONS_ID_TOKEN|SYSTEM_OIDC|SYSTEM_ACCESS'",
        "GitHub Actions: permissions: id-token: write for the job; a pull request from a fork gets none. Azure Pipelines: env SYSTEM_ACCESSTOKEN: $(System.AccessToken) for the step, and a service connection with workload identity federation that the pipeline may use.",
    ),
    "node-file": Reference(
        "The file that should be an AKS node's azure.json was read and names no identity that can be used.",
        "As root: look for useManagedIdentityExtension, userAssignedIdentityID, tenantId and aadClientId in it.",
        "Name the right file with file, or use another method.",
    ),
    "identity-bindings": Reference(
        "The variables (AZURE_KUBERNETES_*) or arguments (--ib-*) that lead to the token proxy of AKS identity bindings cannot be used as they are.",
        "env | grep AZURE_KUBERNETES in the pod; on a node the args of the kubelet's CredentialProviderConfig",
        "The webhook of AKS sets them together: give the pod the annotation azure.workload.identity/use-identity-binding and restart it; unset what was set by hand.",
    ),
    "kubelet-arguments": Reference(
        "The kubelet was told to start the credential provider with arguments that it does not know or that do not go together.",
        "args of the provider in the file that --image-credential-provider-config names",
        "Correct them and restart the kubelet. Known: the path of azure.json, --registry-mirror, --unannotated, --ib-sni-name, --ib-apiserver-ip, --ib-default-client-id, --ib-default-tenant-id.",
    ),
    "kubelet-request": Reference(
        "What came on standard input is not a CredentialProviderRequest of the version credentialprovider.kubelet.k8s.io/v1.",
        "apiVersion of the provider in the kubelet's CredentialProviderConfig",
        "Set it to credentialprovider.kubelet.k8s.io/v1; docs/kubernetes.md shows a request to try by hand.",
    ),
    "kubelet-command": Reference(
        "The settings name a command as the source of a secret. The kubelet's provider runs as root on every node and starts no commands.",
        "Look for keys that end in _command in the settings of the node.",
        "Give the secret by a file, or use managed-identity or aks-node on nodes.",
    ),
    "output-file": Reference(
        "What --output names, or what standard output leads to, cannot be written: its folder is missing, "
        "not writable, or full.",
        "ls -ld on its folder; df",
        "Name a file in a folder that you can write to.",
    ),
    "pod-annotation": Reference(
        "The kubelet hands over a pod's service-account token, and nothing says which app of Entra it stands for.",
        "kubectl get serviceaccount NAME -o yaml; serviceAccountToken settings under tokenAttributes in the CredentialProviderConfig",
        "Annotate the service account with kubernetes.azure.com/acr-client-id and kubernetes.azure.com/acr-tenant-id and list both under optionalServiceAccountAnnotationKeys; or add --unannotated=node to the provider's args, so that the node signs in for pods without them.",
    ),
    "az-missing": Reference(
        "The method azure-cli needs the program az, found on an absolute entry of PATH.",
        "command -v az",
        "Install the Azure CLI, or use another method. Graphical programs often have a shorter PATH.",
    ),
    "az-signed-out": Reference(
        "The Azure CLI is there, and nobody is signed in to it as this user.",
        "az account show (with sudo it is another user's)",
        "az login",
    ),
    "az-failed": Reference(
        "The Azure CLI ended with an error or without a token.",
        "az account get-access-token --resource https://containerregistry.azure.net",
        "As its message says; often az login helps.",
    ),
    "az-timeout": Reference(
        "The Azure CLI did not end in time and was ended.",
        "time az account get-access-token",
        "Look for a hanging extension, proxy or file system; or use another method.",
    ),
    "powershell-missing": Reference(
        "The method azure-powershell needs the program pwsh (on Windows also powershell), found on an absolute entry of PATH.",
        "command -v pwsh",
        "Install PowerShell 7 and its module Az.Accounts, or use another method.",
    ),
    "powershell-module": Reference(
        "PowerShell is there, and its module Az.Accounts is missing, older than 2.2.0, or not allowed to load.",
        "pwsh -NoProfile -Command Import-Module Az.Accounts -PassThru",
        "Install-Module Az.Accounts -Scope CurrentUser. On Windows, Get-ExecutionPolicy -List shows what forbids loading it.",
    ),
    "powershell-signed-out": Reference(
        "Azure PowerShell is there, and nobody is signed in to it as this user, or not for this subscription.",
        "pwsh -NoProfile -Command Get-AzContext -ListAvailable",
        "Connect-AzAccount. If it is forgotten in the next session: Enable-AzContextAutosave.",
    ),
    "powershell-failed": Reference(
        "Azure PowerShell ended with an error or without a token.",
        "pwsh -NoProfile -Command Get-AzAccessToken -ResourceUrl https://containerregistry.azure.net",
        "As its message says; often Connect-AzAccount helps.",
    ),
    "powershell-timeout": Reference(
        "Azure PowerShell did not end in time and was ended.",
        "time pwsh -NoProfile -Command Get-AzAccessToken",
        "Look for a hanging proxy or file system, or very many modules; or use another method.",
    ),
    "azd-missing": Reference(
        "The method azure-developer-cli needs the program azd, found on an absolute entry of PATH.",
        "command -v azd",
        "Install the Azure Developer CLI, or use another method.",
    ),
    "azd-signed-out": Reference(
        "The Azure Developer CLI is there, and nobody is signed in to it as this user.",
        "azd auth login --check-status",
        "Run azd auth login.",
    ),
    "azd-failed": Reference(
        "The Azure Developer CLI ended with an error or without a token.",
        "azd auth token --scope https://containerregistry.azure.net/.default",
        "As its message says; often azd auth login helps.",
    ),
    "azd-timeout": Reference(
        "The Azure Developer CLI did not end in time and was ended.",
        "time azd auth token",
        "Look for a hanging proxy or file system; or use another method.",
    ),
    "name-not-found": Reference(
        "The host's name does not resolve.",
        "nslookup HOST",
        "Correct the spelling, the hash after a dash, or the suffix (.io, .cn, .us). A registry with a private endpoint needs its private DNS zone on this network.",
    ),
    "unreachable": Reference(
        "No connection could be made, or it was cut.",
        "curl -v https://HOST/v2/",
        "Check network, firewall, VPN and proxy variables.",
    ),
    "no-answer": Reference(
        "The host took the connection or the request and did not answer in time, twice.",
        "curl -v https://HOST/v2/",
        "Check network, firewall, VPN and proxy variables.",
    ),
    "tls-untrusted": Reference(
        "The certificate is not one that this system trusts: usually a proxy that inspects TLS, sometimes a wrong clock.",
        "openssl s_client -connect HOST:443 -servername HOST, and look at the issuer; date -u",
        "Add the proxy's CA to the system's store, or name it in SSL_CERT_FILE. Verification cannot be turned off.",
    ),
    "tls-settings": Reference(
        "SSL_CERT_FILE, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names a file that is missing, unreadable or empty.",
        "ls -l on the file that the message names",
        "Correct or unset the variable.",
    ),
    "proxy": Reference(
        "The proxy that the environment names cannot be used or did not open a way to the host.",
        "echo $HTTPS_PROXY $NO_PROXY; curl -v https://HOST/v2/",
        "Correct the address, or allow the host on the proxy. Passwords of proxies are never shown here.",
    ),
    "redirect-refused": Reference(
        "The host answered with a redirect. A token is never sent where a redirect points to.",
        "curl -v https://HOST/oauth2/exchange",
        "Look for a captive portal, a proxy, or a reverse proxy in front of the registry; login_server names the real one.",
    ),
    "answer-unusable": Reference(
        "Something answered, but not what the protocol says: often a login page or an error page of a proxy.",
        "curl -v https://HOST/v2/",
        "Remove what answers in its place from the way.",
    ),
    "anonymous-pull": Reference(
        "The settings say that this registry is pulled from without a credential (method anonymous).",
        "Look at the host's table in the settings.",
        "Nothing, if the registry allows anonymous pull; set another method to push or to sign in.",
    ),
    "password-missing": Reference(
        "No password is at hand for the admin user or the repository token.",
        "Look at the password keys of the host's table, and at what docker-credential-acr list shows.",
        "Give password_file, password_env or password_command; or docker login; for a repository token: docker-credential-acr login HOST --generate.",
    ),
    "passwords-refused": Reference(
        "The registry refused every password of the admin user or the repository token: renewed elsewhere, expired, or the user is disabled.",
        "az acr show --name NAME --query adminUserEnabled; az acr token show --registry NAME --name TOKEN",
        "Give the new password, or enable the user again. A new password of a repository token takes about a minute to be known everywhere.",
    ),
    "registry-not-found": Reference(
        "Azure Resource Manager has no such registry, or the identity that asks cannot see it.",
        "az acr show --name NAME --query id",
        "Give the resource id by registry_id, and the identity a role on the registry.",
    ),
    "admin-disabled": Reference(
        "The settings name the method admin-user, and the admin user of the registry is switched off.",
        "az acr show --name NAME --query adminUserEnabled",
        "az acr update -n NAME --admin-enabled true; better, use an identity of Entra, or a repository token.",
    ),
    "token-disabled": Reference(
        "The repository token is switched off, whatever its passwords are.",
        "az acr token show --registry NAME --name TOKEN --query status",
        "Switch it on: az acr token update --registry NAME --name TOKEN --status enabled.",
    ),
    "arm-identity": Reference(
        "Azure Resource Manager does not take the token of the identity that sign_in names: another tenant or cloud, or it was revoked.",
        "az account show --query tenantId; compare with the tenant of the registry's subscription",
        "Set tenant_id, or another sign_in, in the registry's table.",
    ),
    "arm-unavailable": Reference(
        "Azure Resource Manager is throttling requests or has a fault of its own. A sign-in with Entra does not need it.",
        "https://azure.status.microsoft",
        "Try again as the message says. Give the passwords by password_file to be independent of it.",
    ),
    "arm-denied": Reference(
        "The identity that sign_in names may not read or make the registry's passwords.",
        "az role assignment list --assignee CLIENT_ID --scope REGISTRY_ID",
        "Grant it a role with Microsoft.ContainerRegistry/registries/listCredentials/action (or generateCredentials/action), or give the passwords by password_file.",
    ),
    "arm-refused": Reference(
        "Azure Resource Manager did not do what was asked; the message has its error's code, such as ScopeLocked (a read-only lock on the registry keeps its passwords from being listed).",
        "az lock list --resource REGISTRY_ID; az monitor activity-log list --resource-id REGISTRY_ID",
        "Remove what the code names; give the passwords by password_file where a lock has to stay.",
    ),
    "registry-refused": Reference(
        "The registry does not accept the identity: another tenant, no role at all, or ARM tokens turned off (authentication-as-arm).",
        "az acr show --name NAME, and the registry's Access control page",
        "Check tenant_id; grant AcrPull (or, on ABAC registries, Container Registry Repository Reader). New grants take up to ten minutes.",
    ),
    "cached-refused": Reference(
        "The registry answered 401 to the credential that was cached, and clients were refused with it: it was revoked, the identity or the registry was removed and made anew, a password was renewed, or the registry was switched to rights for each repository (ABAC).",
        "docker-credential-acr doctor HOST, once more: is a new credential taken?",
        "doctor has removed it, so the next pull signs in anew. Where a new one is refused, too, look at the registry's Access control page and at its policies for tokens.",
    ),
    "exchange-missing": Reference(
        "The host answers and has no place where Entra tokens are exchanged: a connected registry knows user names and passwords only, and what stands before a registry may not pass the exchange on.",
        "curl -i -X POST https://HOST/oauth2/exchange: 404 says that there is none",
        "For a connected registry set method = repository-token with token_name and password_file. For a domain of your own set login_server to the registry behind it.",
    ),
    "login-unknown": Reference(
        "The registry has no admin user or repository token of this name. It takes such a name for a service principal, and says that its id is no GUID or that the application is not registered.",
        "az acr token list --registry NAME; az acr show --name NAME --query adminUserEnabled",
        "Correct token_name, or enable the admin user. A service principal belongs into method = client-secret, a person into az login or browser.",
    ),
    "registry-firewall": Reference(
        "The registry's network rules do not admit the address in the message, which is the one that the registry sees, or public access is off.",
        "az acr show --name NAME --query '[publicNetworkAccess, networkRuleSet]'",
        "Have that address allowed: az acr network-rule add --name NAME --ip-address ADDRESS. Or use the private endpoint and its DNS zone.",
    ),
    "registry-missing": Reference(
        "The host answers, and has no registry under this name.",
        "az acr check-name --name NAME",
        "Correct the name; names with a domain label have a hash after the dash.",
    ),
    "registry-throttled": Reference(
        "The registry is throttling sign-ins (HTTP 429).",
        "Are very many jobs signing in at once, each with a cache of its own?",
        "Wait as long as the message says; share the cache folder between jobs (ACR_CRED_CACHE_DIR).",
    ),
    "registry-unavailable": Reference(
        "The registry answered with a fault of its own.",
        "https://azure.status.microsoft",
        "Try again in a minute.",
    ),
    "token-unusable": Reference(
        "The registry's answer holds a token that is none, or is another registry's. It was not kept.",
        "nslookup HOST: does the name lead to Azure?",
        "Look for a proxy or private DNS zone; for a domain of your own set login_server.",
    ),
    "out-of-time": Reference(
        "No answer was found within the time limit (25 s unless set): a step hung, or another process that signs in does not go on.",
        "Set ACR_CRED_DEBUG=FILE and look where the time goes.",
        "Try again; raise ACR_CRED_TIMEOUT (5 to 55 seconds) or timeout in the settings.",
    ),
    "stopped": Reference(
        "A signal ended the program before it had an answer.",
        "Did the client or CI job time out or get cancelled?",
        "Run it again.",
    ),
    "internal": Reference(
        "A fault of this program.",
        "Set ACR_CRED_DEBUG=FILE and try again: the file holds no secret.",
        "Please report it with that file.",
    ),
}
