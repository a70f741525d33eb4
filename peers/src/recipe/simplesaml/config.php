<?php

$folder = getenv('PEER_FOLDER');
$config = [
    'baseurlpath' => getenv('PEER_URL'),
    'certdir' => $folder . '/',
    'metadatadir' => $folder . '/metadata',
    'metadata.sources' => [['type' => 'flatfile', 'directory' => $folder . '/metadata']],
    'datadir' => $folder . '/data/',
    'tempdir' => $folder . '/tmp',
    'loggingdir' => $folder . '/logs/',
    'logging.handler' => 'file',
    'secretsalt' => 'a salt of tests',
    'auth.adminpassword' => 'adminpass',
    'technicalcontact_email' => 'nobody@example.test',
    'timezone' => 'UTC',
    'language.default' => 'en',
    'enable.saml20-idp' => true,
    'module.enable' => ['core' => true, 'saml' => true, 'exampleauth' => true],
    'store.type' => 'phpsession',
    'session.phpsession.cookiename' => 'simplesaml',
    'session.phpsession.savepath' => $folder . '/sessions',
    'session.cookie.secure' => false,
    'session.cookie.samesite' => null,
    'errorreporting' => false,
];
